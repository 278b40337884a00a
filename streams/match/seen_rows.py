"""Rows of the files of past hashes, and those that may be near to a hash of a list.

Of the eight PDQ of a frame, and of those of frames like it, there is one row of 42 bytes, and by how many bits the
others may differ from those that follow from it: what is near to one of them is at most so much farther from this one.
What is found is a candidate, to be compared with the record in its topic.
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from models.pdq.hash import BYTES, NEAR_BITS, Bits, turned
from models.text.terms import DIGEST_BYTES
from schemas.messages import Descriptors
from streams.exchange.hash_rows import HashRows

ROW = np.dtype([("offset", "<i8"), ("kind", "u1"), ("slack", "u1"), ("value", "u1", (BYTES,))])
_FRAME, _MEDIUM = 0, 1
_MOST_SLACK = 24
"""Bits. A frame with more has a row for each of its hashes."""

type Rows = npt.NDArray[np.void]


def candidates(rows: Rows, hashes: Bits, digests: Collection[bytes]) -> set[int]:
    """Return the offsets of records that may be near to a hash in any position, or are of a medium with a digest.

    Every frame is compared with the eight hashes of each, shape (n, 32): one with 65,536 in 0.5 ms of a core.

    Parameters
    ----------
    digests
        Under the key, 16 bytes.
    """
    frames = rows[rows["kind"] == _FRAME]
    media = rows[rows["kind"] == _MEDIUM] if digests else rows[:0]
    pairs = zip(media["offset"].tolist(), media["value"], strict=True)
    found = {offset for offset, value in pairs if bytes(value[:DIGEST_BYTES]) in digests}
    if not len(frames) or not len(hashes):
        return found
    near = HashRows.of(frames["value"]).near(turned(hashes).reshape(-1, BYTES), NEAR_BITS + _MOST_SLACK)
    is_near = near.bits <= NEAR_BITS + frames["slack"][near.row]
    return found | set(frames["offset"][near.row[is_near]].tolist())


def rows_of(offset: int, descriptors: Descriptors) -> Rows:
    """Return the rows of one segment."""
    frames = _merged(np.frombuffer(b"".join(each.hashes for each in descriptors.pdq), np.uint8).reshape(-1, 8, BYTES))
    media = descriptors.digests if descriptors.modality in {"visual", "audio"} else []
    made = np.zeros(len(frames) + len(media), ROW)
    made["offset"] = offset
    for at, (value, slack) in enumerate(frames):
        made[at] = (offset, _FRAME, slack, value)
    for at, digest in enumerate(media, len(frames)):
        made[at] = (offset, _MEDIUM, 0, np.frombuffer(digest.ljust(BYTES, b"\0")[:BYTES], np.uint8))
    return made


def _merged(frames: npt.NDArray[np.uint8]) -> list[tuple[Bits, int]]:
    """Return hashes, each with its slack, that stand for those of all frames, shape (n, 8, 32)."""
    kept: list[tuple[Bits, int]] = []
    slacks = _differing(turned(frames[:, 0]).swapaxes(0, 1), frames).max(axis=1, initial=0)
    for hashes, slack in zip(frames, slacks.tolist(), strict=True):
        if slack > _MOST_SLACK:
            kept += [(each, 0) for each in hashes]
            continue
        needed = _differing(np.array([one for one, _ in kept], np.uint8).reshape(-1, BYTES), hashes[0]) + slack
        if len(needed) and needed.min() <= _MOST_SLACK:
            at = int(needed.argmin())
            kept[at] = kept[at][0], max(kept[at][1], int(needed[at]))
        else:
            kept.append((hashes[0], slack))
    return kept


def _differing(one: Bits, other: Bits) -> npt.NDArray[np.int64]:
    bits: npt.NDArray[np.int64] = np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64)
    return bits
