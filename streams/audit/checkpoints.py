"""Signed checkpoints: how far each audited topic went, and the digest of everything in it up to there."""

from hashlib import sha256

import msgspec

from schemas.messages import Checkpoint
from schemas.topics import FOREVER, TOPICS
from streams.audit.signatures import canonical

TOPIC = "checkpoints"
KEY = "log"
AUDITED = ("acts", "labels", "deployments", "deliveries", "takedowns")
"""Topics whose records are covered: those that keep every record for ever."""
assert all(TOPICS[name].retention_hours == FOREVER and not TOPICS[name].compacted for name in AUDITED)

_ANCHOR = "jikimi-anchor-v1"


class Anchor(msgspec.Struct, frozen=True):
    """Number and hash of a checkpoint, kept outside of the system."""

    number: int
    hash: str


def hash_of(checkpoint: Checkpoint) -> bytes:
    """Return the hash by which the next checkpoint names this one."""
    return sha256(canonical(checkpoint)).digest()


def anchor_line(checkpoint: Checkpoint) -> str:
    """Return the line to keep elsewhere."""
    return f"{_ANCHOR} {checkpoint.number} {checkpoint.at:%Y-%m-%dT%H:%M:%SZ} {hash_of(checkpoint).hex()}"


def parse_anchor(line: str) -> Anchor:
    """Return what an anchor's line names.

    Raises
    ------
    ValueError
        It is no such line.
    """
    match line.split():
        case [name, number, _, digest] if (
            name == _ANCHOR and number.isdecimal() and len(digest) == sha256().digest_size * 2
        ):
            return Anchor(int(number), digest)
        case _:
            raise ValueError(
                f"no anchor: expected the line that `jikimi audit anchor` printed, {_ANCHOR} NUMBER TIME HASH"
            )
