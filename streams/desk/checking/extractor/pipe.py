"""Requests of an extractor that are sent by its parent; runs in the child process, which has no network."""

import os

import msgspec

from streams.desk.checking.extractor.wire import LENGTH, Answered, Asked, packed


class Pipe:
    """The child's end of the socket pair.

    Parameters
    ----------
    descriptor
        Of the open socket; only read(2) and write(2) are used, which the sandbox allows.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def ask(self, asked: Asked) -> Answered:
        """Return the answer to a request.

        Raises
        ------
        OSError, EOFError
            The parent has closed its end.
        """
        left = memoryview(packed(asked))
        while left:
            left = left[os.write(self._descriptor, left) :]
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return msgspec.msgpack.decode(self._read(length), type=Answered)

    def _read(self, n_bytes: int) -> bytes:
        body = bytearray()
        while len(body) < n_bytes:
            if not (chunk := os.read(self._descriptor, n_bytes - len(body))):
                raise EOFError("the socket is closed")
            body += chunk
        return bytes(body)
