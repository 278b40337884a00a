"""Landmarks of the sounds of a set: ``python -m ops.bench.landmarks SET.json [--cache FOLDER]``.

Every sound is compared with each reference that its fingerprints resemble, as a match is. Printed: how many copies and
how many others there are in each range of nats of the best stretch. The cache is that of `jikimi evaluate`.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from models.landmarks.peaks import Peaks
from models.landmarks.rows import joined, unpack_peaks
from ops.bench.described import DescribedSet, default_describers, described_set, set_arguments
from ops.bench.look_motion import show
from schemas.messages import Descriptors
from streams.evaluation.judged import build_index
from streams.evaluation.manifest import Query, read_manifest
from streams.match.landmarks import LEAST_SCORE, compared
from streams.match.reference_index import ReferenceIndex

_NATS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 24.0, 48.0, np.inf)


class Pair(NamedTuple):
    """A sound and a reference that it resembles."""

    is_copy: bool
    nats: float


def landmarks(found: DescribedSet) -> dict[str, Peaks]:
    """Return the landmarks of each case's reference; a set has one of each case."""
    cases = dict.fromkeys(case for case, _ in found.wanted)
    return {case: joined(_pieces(found, case)) for case in cases}


def _pieces(found: DescribedSet, case: str) -> Iterator[Peaks]:
    pieces = [piece for owner, piece in found.wanted if owner == case and piece.landmarks]
    for piece in sorted(pieces, key=lambda one: one.segment):
        if piece.landmarks:
            yield unpack_peaks(piece.landmarks, piece.start_s)


def pairs(query: Query, sound: Descriptors, index: ReferenceIndex, known: dict[str, Peaks]) -> Iterator[Pair]:
    """Yield the sound with each reference that its fingerprints alone resemble, without exact copies."""
    for match in index.search(msgspec.structs.replace(sound, landmarks=None)):
        if LEAST_SCORE <= match.score < 1.0 and (found := compared(match, sound, known[match.case_id])):
            yield Pair(match.case_id == query.expect, max(each.nats for each in found))


async def measured(manifest: Path, cache: Path | None) -> list[Pair]:
    """Return the pairs of a set."""
    found = await described_set(read_manifest(manifest), default_describers(cache))
    index, known = build_index(found.wanted, found.harmless), landmarks(found)
    sounds = [(query, one) for query, described in found.uploads for one in described if one.modality == "audio"]
    return [pair for query, sound in sounds for pair in pairs(query, sound, index, known)]


def main() -> None:
    """Measure and print."""
    given = set_arguments(__doc__).parse_args()
    found = asyncio.run(measured(given.manifest, given.cache))
    show("nats", _NATS, [(pair.is_copy, pair.nats) for pair in found])


if __name__ == "__main__":
    main()
