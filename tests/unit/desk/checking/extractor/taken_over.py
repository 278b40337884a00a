"""Work function of an extractor's child that a page has taken over; the page's path is what it does."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from streams.desk.checking.extractor.pipe import Pipe
from streams.desk.checking.extractor.wire import Answered, Asked, Extracted, Job, Named


def work(job: bytes, files: Sequence[int]) -> Iterator[bytes]:
    """Yield what an action answers; its outcomes are the words."""
    asked = msgspec.msgpack.decode(job, type=Job)
    parts = urlsplit(asked.address)
    done = globals()[f"_{parts.path.strip('/')}"](asked.address, files[0])
    found = done if isinstance(done, Extracted) else Extracted([Named(asked.address, "video")], 1, "\n".join(done))
    yield b"\xc1" if done is None else msgspec.msgpack.encode(found)


def _reach_out(_: str, __: int) -> list[str]:
    """Try every way out but the pipe."""
    ways: list[Callable[[], object]] = [
        lambda: socket.socket(socket.AF_INET),
        lambda: socket.socket(socket.AF_INET6),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: socket.socket(socket.AF_UNIX),
        socket.socketpair,
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: os.open("/etc/hostname", os.O_RDONLY),
        lambda: os.execv("/bin/true", ["true"]),
        os.fork,
    ]
    return [_outcome(way) for way in ways]


def _outcome(way: Callable[[], object]) -> str:
    try:
        way()
    except (OSError, LookupError):  # of a codec, which is a file
        return "refused"
    return "done"


def _ask(address: str, descriptor: int) -> list[str]:
    """Ask for each address of the query."""
    wanted = urlsplit(address).query.split(",")
    return [_said(Pipe(descriptor).ask(Asked("GET", url))) for url in wanted]


def _ask_much(address: str, descriptor: int) -> list[str]:
    """Ask for one address ten thousand times."""
    url = urlsplit(address).query
    return sorted({_said(Pipe(descriptor).ask(Asked("GET", url))) for _ in range(10_000)})


def _said(answered: Answered) -> str:
    return answered.refusal or f"{answered.status} {len(answered.body)}"


def _break_off(_: str, descriptor: int) -> list[str]:
    """Declare more than any request has."""
    os.write(descriptor, b"\xff\xff\xff\xff")
    return [repr(os.read(descriptor, 1))]


def _lie(address: str, _: int) -> Extracted:
    """Name media that are none, and too many."""
    named = ["file:///etc/passwd", "", "http://\x1b[31m/", *(f"{address}?{n}" for n in range(30))]
    return Extracted([Named(url, "video") for url in named], 2**62, "w" * 1_000_000)


def _refuse(_: str, __: int) -> Extracted:
    """Give a reason that is none."""
    return Extracted(reason="a_reason_of_its_own", detail="\x1b[31mred\n")


def _mumble(_: str, __: int) -> None:
    """Answer with what is no message."""


def _hang(_: str, __: int) -> list[str]:
    time.sleep(3600)
    return []


def _exit(_: str, __: int) -> list[str]:
    os._exit(3)


def _allocate(_: str, __: int) -> list[str]:
    blocks = []
    while True:
        blocks.append(bytearray(16 * 1024 * 1024))


def _raise(_: str, __: int) -> list[str]:
    raise KeyError("a bug")
