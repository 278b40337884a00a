"""Verification of the hash chains of a pack's events, one takedown at a time."""

import itertools
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, NamedTuple

import msgspec

from streams.delivery.evidence.hashed_events import Check

_LINE_BYTES = 16 * 1024 * 1024
"""Longest line: an event is 1 MB at most on the wire."""


class _Expected(msgspec.Struct, frozen=True):
    hash: str
    check: Check


class _Chain(msgspec.Struct, frozen=True):
    takedown_id: str
    events: list[_Expected]


class _Event(msgspec.Struct, frozen=True):
    takedown_id: str
    state: str
    previous: bytes


class _Read(NamedTuple):
    line: int
    digest: str
    event: _Event


type Finding = tuple[str, bool]
"""One line, and whether it is a fault; otherwise it could not be checked."""


def verify_chains(chains: IO[bytes], events: IO[bytes]) -> Iterator[Finding]:
    """Yield what is wrong with the events, or could not be checked."""
    try:
        groups = itertools.groupby(_events(events), key=lambda read: read.event.takedown_id)
        group = next(groups, None)
        for line in iter(lambda: chains.readline(_LINE_BYTES), b""):
            chain = msgspec.json.decode(line, type=_Chain)
            if group is None or group[0] != chain.takedown_id:
                yield (
                    f"takedown {chain.takedown_id}: its events are missing, or out of order with other takedowns",
                    True,
                )
                continue
            yield from _verify(chain, list(group[1]))
            group = next(groups, None)
        if group is not None:
            yield f"takedown {group[0]}: added, data/chains.jsonl does not have it", True
    except (ValueError, RecursionError) as error:  # of msgspec, of UTF-8, of a hash that is not hexadecimal
        yield f"data/events.jsonl, data/chains.jsonl: a line is neither an event nor a chain: {error}", True


def _events(file: IO[bytes]) -> Iterator[_Read]:
    for number in itertools.count(1):
        line = file.readline(_LINE_BYTES)
        if not line:
            return
        body = line.removesuffix(b"\n")
        yield _Read(number, sha256(body).hexdigest(), msgspec.json.decode(body, type=_Event))


def _verify(chain: _Chain, found: list[_Read]) -> Iterator[Finding]:
    name = f"takedown {chain.takedown_id}"
    if len(found) != len(chain.events):
        yield f"{name}: {_count_fault(chain, found)}", True
        return
    hashes = {expected.hash for expected in chain.events}
    previous = b""
    for number, (expected, read) in enumerate(zip(chain.events, found, strict=True), 1):
        where = f"{name}, event {number} ({read.event.state}), line {read.line} of data/events.jsonl"
        if expected.check == "recomputable" and read.digest != expected.hash:
            yield f"{where}: {'out of order' if read.digest in hashes else 'changed'}", True
        elif expected.check != "recomputable":
            yield f"{where}: {_UNVERIFIED[expected.check]}", False
        if read.event.previous != previous:
            yield f"{where}: does not follow the event before it", True
        previous = bytes.fromhex(expected.hash)


_UNVERIFIED = {
    "checked": "its hash was right when the pack was made; it covers parts that the pack withholds",
    "unchecked": "its hash is not verifiable by this version",
}


def _count_fault(chain: _Chain, found: list[_Read]) -> str:
    present = {read.digest for read in found}
    if len(found) > len(chain.events):
        return f"{len(found) - len(chain.events)} events added"
    lost = [
        number
        for number, expected in enumerate(chain.events, 1)
        if expected.check != "recomputable" or expected.hash not in present
    ]
    return f"event {', '.join(map(str, lost))} missing" if lost else "events missing"
