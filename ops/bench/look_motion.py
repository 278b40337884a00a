"""Motion of the second looks of a set: ``python -m ops.bench.look_motion SET.json [--cache FOLDER]``.

Every look that fusion asks for is compared with each reference that its pictures resemble as a room does, a score from
0.6 before motion. Printed: how many copies and how many others there are in each range of z and of nats. The cache is
that of `jikimi evaluate`.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.motion.compare import MotionMatch
from models.motion.rows import joined, unpack_track
from models.motion.track import Track
from ops.bench.described import DescribedSet, Describers, default_describers, described_set, set_arguments
from schemas.messages import Descriptors, Policy
from streams.evaluation.described_set import describer_of
from streams.evaluation.judged import Upload, build_index
from streams.evaluation.manifest import Query, read_manifest
from streams.fusion.rules import Rules
from streams.live_models.selection import create_registry, default_choice
from streams.match.reference_index import ReferenceIndex
from streams.match.second_look import compared

_ROOM = 0.6
_Z = (-np.inf, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0, 10.0, 12.0, np.inf)
_NATS = (-np.inf, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, np.inf)


class Pair(NamedTuple):
    """A look and a reference that its pictures resemble."""

    is_copy: bool
    motion: MotionMatch


async def looks_of(found: DescribedSet, given: Describers) -> AsyncIterator[tuple[Query, Descriptors]]:
    """Yield the answer to each look that the uploads ask for under the shipped policy."""
    settings, registry = given.settings, create_registry(given.settings)
    policy = Policy(act=settings.act, review=settings.review, version="shipped")
    fusion = registry.fusion(default_choice(registry, settings).fusion)
    rules = Rules(fusion, dict.fromkeys((case for case, _ in found.wanted), policy), settings.looks_from)
    index = build_index(found.wanted, found.harmless)
    async with describer_of(*given, [query for query, _ in found.uploads]) as describer:
        for query, described in found.uploads:
            upload, n_answered = Upload(index, rules, described), 0
            while n_answered < len(upload.looks):
                answer = await describer.look(query, upload.looks[n_answered])
                upload.add(answer)
                yield query, answer
                n_answered += 1


def tracks(found: DescribedSet) -> dict[str, Track]:
    """Return the motion of each case's reference; a set has one of each case."""
    pieces = defaultdict(list)
    for case, piece in found.wanted:
        if piece.modality == "motion":
            pieces[case].append((piece.start_s, unpack_track(piece.vectors)))
    return {case: joined(sorted(some, key=lambda one: one[0])) for case, some in pieces.items()}


def pairs(query: Query, look: Descriptors, pictures: ReferenceIndex, motion: dict[str, Track]) -> Iterable[Pair]:
    """Yield the look with each reference that its pictures resemble."""
    if look.motion is not None:
        track = unpack_track(look.motion)
        for match in pictures.search(look):
            if match.score >= _ROOM and match.case_id in motion:
                against = compared(match, track, look.segment.start_s, motion[match.case_id])
                yield Pair(match.case_id == query.expect, against)


async def measured(manifest: Path, cache: Path | None) -> list[Pair]:
    """Return the pairs of a set."""
    given = default_describers(cache)
    found = await described_set(read_manifest(manifest), given)
    pictures = build_index([(c, p) for c, p in found.wanted if p.modality != "motion"], found.harmless)
    motion = tracks(found)
    return [pair async for query, look in looks_of(found, given) for pair in pairs(query, look, pictures, motion)]


def show(name: str, bins: Sequence[float], values: Sequence[tuple[bool, float]]) -> None:
    """Print a histogram."""
    sys.stdout.write(f"\n| {name} | copies | others |\n|---|---|---|\n")
    counts = [np.histogram([value for copy, value in values if copy is kind], bins)[0] for kind in (True, False)]
    for low, high, copies, others in zip(bins, bins[1:], *counts, strict=False):
        sys.stdout.write(f"| {low:g} to {high:g} | {copies} | {others} |\n")


def main() -> None:
    """Measure and print."""
    given = set_arguments(__doc__).parse_args()
    found = asyncio.run(measured(given.manifest, given.cache))
    show("z", _Z, [(pair.is_copy, pair.motion.z) for pair in found])
    show("nats", _NATS, [(pair.is_copy, pair.motion.nats) for pair in found])


if __name__ == "__main__":
    main()
