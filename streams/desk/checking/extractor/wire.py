"""What passes between an extractor's child process and its parent: a page, requests and their answers, what was found.

Requests and answers pass through a socket pair of the page's own, each as MessagePack behind four bytes of length.
"""

import struct
from typing import Literal

import msgspec

MAX_REQUESTS = 60
"""Requests for one page; of most sites it takes fewer than ten, of a list one to five for each entry."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Beginning of an answer that is passed on; the script of a large player has 3 MB."""
MAX_REQUEST_BYTES = 128 * 1024
"""Most bytes of a request, its body included."""
LENGTH = struct.Struct("<I")


class Job(msgspec.Struct, frozen=True):
    """A page."""

    address: str
    most: int
    """Videos and sounds that are wanted."""


class Asked(msgspec.Struct, frozen=True):
    """A request that an extractor makes."""

    method: str
    url: str
    headers: list[tuple[str, str]] = []
    body: bytes | None = None


class Answered(msgspec.Struct, frozen=True):
    """Answer to a request; a redirect too, which the extractor follows itself."""

    status: int = 0
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    """Beginning, still encoded as the headers say."""
    refusal: str = ""
    """Why there is no answer; empty if there is one."""


class Named(msgspec.Struct, frozen=True):
    """A medium."""

    url: str
    kind: Literal["video", "audio"]


class Extracted(msgspec.Struct, frozen=True):
    """What an extractor found."""

    media: list[Named] = []
    n_named: int = 0
    """Media that the page names, as far as is known."""
    words: str = ""
    """Titles and descriptions."""
    reason: str = ""
    """Slug of why there are no media; empty if there are."""
    detail: str = ""


def packed(message: Asked | Answered) -> bytes:
    """Return a message with its length."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body
