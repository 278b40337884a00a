"""Work function with forbidden operations, to test the sandbox: a job is an operation's name and its argument."""

import ctypes
import os
import time
from collections.abc import Iterator, Sequence

from streams.errors import UnprocessableError


def work(job: bytes, __: Sequence[int]) -> Iterator[bytes]:
    """Yield one good answer, then misbehave as the job requests."""
    yield b"good"
    operation, _, argument = job.decode().partition(" ")
    yield from globals()[f"_{operation}"](argument)


def _hang(_: str) -> Iterator[bytes]:
    while True:
        time.sleep(1)
        yield from ()


def _allocate(_: str) -> Iterator[bytes]:
    blocks = []
    while True:
        blocks.append(bytearray(64 * 1024 * 1024))
        yield from ()


def _segfault(_: str) -> Iterator[bytes]:
    yield from ()
    ctypes.string_at(0)


def _exit(_: str) -> Iterator[bytes]:
    yield from ()
    os._exit(3)


def _raise(_: str) -> Iterator[bytes]:
    yield from ()
    raise KeyError("a bug")


def _refuse(reason: str) -> Iterator[bytes]:
    yield from ()
    raise UnprocessableError(reason, "refused")


def _print(_: str) -> Iterator[bytes]:
    os.write(1, b"\xff" * 100)
    yield b"after printing"


def _oversized(_: str) -> Iterator[bytes]:
    yield bytes(40 * 1024 * 1024)


def _flow(_: str) -> Iterator[bytes]:
    while True:
        yield bytes(1024 * 1024)


def _tick(_: str) -> Iterator[bytes]:
    while True:
        time.sleep(0.01)
        yield b"tick"


def _count(n: str) -> Iterator[bytes]:
    for index in range(int(n)):
        yield str(index).encode()


def _environment(_: str) -> Iterator[bytes]:
    yield repr(dict(os.environ)).encode()


def _pid(_: str) -> Iterator[bytes]:
    yield str(os.getpid()).encode()
