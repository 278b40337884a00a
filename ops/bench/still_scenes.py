"""Print what distinguishes recordings of one room: ``python -m ops.bench.still_scenes SET.json``.

For each reference whose camera stands still, and each upload: the largest cosine of two frames, and the correlation of
how both vary around their mean (models/still_scene.py). Copies are compared with their own reference, look-alikes and
the copies of other cases with every reference that they resemble at a cosine of `--alike`. `--cache DIR` caches
descriptors as `jikimi evaluate` does. With `--looks` the second looks are compared that the uploads ask for, instead of
what the first pass sees.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.still_scene import recording
from ops.bench.described import default_describers, described_set, set_arguments
from ops.bench.look_motion import looks_of
from ops.bench.set_pictures import Pictures, Upload, describe_pictures
from schemas.matrix import unpack
from streams.evaluation.manifest import read_manifest


class _Pair(NamedTuple):
    kind: str
    cosine: float
    correlation: float
    nats: float


_OTHER = "other recording"
_cosine, _correlation, _nats = attrgetter("cosine"), attrgetter("correlation"), attrgetter("nats")


def main() -> None:
    """Describe, compare and print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--alike", type=float, default=0.6)
    parser.add_argument("--looks", action="store_true")
    given = parser.parse_args()
    pairs = list(_pairs(asyncio.run(_pictures(given.manifest, given.cache, looks=given.looks)), given.alike))
    by_kind: dict[str, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        by_kind[pair.kind].append(pair)
    others = by_kind.pop(_OTHER, [])
    sys.stdout.write(f"{'':24} pairs  cosine 10 50 90 %   correlation 10 50 90 %   nats 10 50 90 %   highest\n")
    for kind, found in [(_OTHER, others), *sorted(by_kind.items())]:
        if found:
            columns = "   ".join(map(_quantiles, zip(*(pair[1:] for pair in found), strict=True)))
            sys.stdout.write(f"{kind:24} {len(found):5}  {columns}   {max(pair.nats for pair in found):.1f}\n")
    copies = [pair for found in by_kind.values() for pair in found]
    if others and copies:
        for name, of in (("cosine", _cosine), ("correlation", _correlation), ("nats", _nats)):
            highest = max(map(of, others))
            share = np.mean([of(pair) > highest for pair in copies])
            sys.stdout.write(f"copies above every other recording by {name}: {share:.3f} of {len(copies)}\n")


async def _pictures(manifest: Path, cache: Path | None, *, looks: bool) -> Pictures:
    pictures = await describe_pictures(read_manifest(manifest), cache)
    if not looks:
        return pictures
    given = default_describers(cache)
    found = await described_set(read_manifest(manifest), given)
    return pictures._replace(uploads=[Upload(query, [look]) async for query, look in looks_of(found, given)])


def _pairs(pictures: Pictures, alike: float) -> Iterator[_Pair]:
    still = [matcher for matcher in pictures.matchers if matcher.still]
    for query, described in pictures.uploads:
        for each in described:
            rows, times_s = unpack(each.vectors), np.asarray(each.times_s)
            for matcher in still if len(rows) else ():
                is_copy = matcher.case_id == query.expect
                cosine = float((rows @ matcher.vectors.T).max())
                if is_copy or cosine >= alike:
                    kind = query.transform or "copy" if is_copy else _OTHER
                    found = recording(rows, times_s, matcher.vectors, matcher.times_s)
                    yield _Pair(kind, cosine, found.correlation, found.nats)


def _quantiles(values: Sequence[float]) -> str:
    return " ".join(f"{value:6.2f}" for value in np.quantile(values, [0.1, 0.5, 0.9]))


if __name__ == "__main__":
    main()
