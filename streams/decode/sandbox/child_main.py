"""Child process of the sandbox: drops its privileges, then answers jobs from its standard input.

Started as `python -m streams.decode.sandbox.child_main module:function memory_bytes socket layers`. A message is four
bytes of length, one of kind, and the rest. The first one reports the layers. The function maps a job's bytes and the
descriptors of its files, which come through the socket, to an iterator of answers' bytes.
"""

import json
import os
import pkgutil
import resource
import socket
import struct
import sys
import tokenize  # noqa: F401 - a traceback needs it, and later no module can be loaded
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from streams.decode.sandbox import layers
from streams.errors import UnprocessableError

JOB, LAYERS, ANSWER, END, REFUSAL, MEMORY, BUG = b"J", b"L", b"A", b"E", b"R", b"M", b"B"
HEADER = struct.Struct("<Ic")
"""Length of the body in bytes, kind."""

_MAX_OPEN_FILES = 32
MAX_FILES = 2
"""Most files of one job."""

type Work = Callable[[bytes, Sequence[int]], Iterator[bytes]]


def main() -> None:
    """Serve jobs until standard input ends."""
    name, memory_bytes, descriptor, wanted = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library's output on stdout must not be read as an answer
    files = socket.socket(fileno=int(descriptor))
    with suppress(OSError):  # the first to end when the machine runs out of memory
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes),) * 2)
    work: Work = pkgutil.resolve_name(name)
    _limit()
    _send(answers, LAYERS, json.dumps(layers.apply(wanted.split(","))).encode())
    while header := sys.stdin.buffer.read(HEADER.size):
        length, _ = HEADER.unpack(header)
        with _received(files) as received:
            _serve(work, sys.stdin.buffer.read(length), received, answers)


def _limit() -> None:
    """Forbid cores, new processes and threads, and limit open files."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: _MAX_OPEN_FILES,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


@contextmanager
def _received(files: socket.socket) -> Iterator[list[int]]:
    """Yield the descriptors that the parent sent, closed at the end."""
    _, received, _, _ = socket.recv_fds(files, 1, MAX_FILES)
    try:
        yield received
    finally:
        for descriptor in received:
            os.close(descriptor)


def _serve(work: Work, job: bytes, files: list[int], answers: BinaryIO) -> None:
    try:
        for answer in work(job, files):
            _send(answers, ANSWER, answer)
    except UnprocessableError as error:
        _send(answers, REFUSAL, f"{error.reason}\n{error.detail}".encode("utf-8", "replace"))
    except MemoryError:
        _send(answers, MEMORY)
    except Exception:  # noqa: BLE001 (the parent raises it as a bug)
        _send(answers, BUG, traceback.format_exc().encode("utf-8", "replace"))
    else:
        _send(answers, END)


def _send(answers: BinaryIO, kind: bytes, body: bytes = b"") -> None:
    answers.write(HEADER.pack(len(body), kind) + body)
    answers.flush()


if __name__ == "__main__":
    main()
