"""Print the gain of score normalisation by gallery size: ``python -m ops.bench.score_normalisation SET.json``.

The pictures of a set's uploads are compared with galleries of 1, 4, 8, 16 and all of its references, chosen by a seed.
A copy of a reference in the gallery should match; every other match is wrong. The output is the recall before the first
and before the tenth wrong pair, as the index scores them, without the margin to other cases' references, without the
level of the background, and without either. `--cache DIR` caches descriptors as `jikimi evaluate` does.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.evaluation.described import Cache, Models, describe_references
from streams.evaluation.described_set import describe_background, describe_queries
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.live_models.selection import create_registry, default_choice
from streams.match.gallery import Gallery
from streams.match.normalisation import Normalisation, Rows
from streams.match.reference_matcher import ReferenceMatcher, space_of
from streams.settings import load_settings

_SIZES = (1, 4, 8, 16)
_RULES = {
    "as shipped": Normalisation(),
    "no rivals": Normalisation(rivalry=0.0),
    "no background": Normalisation(share=0.0),
    "neither": Normalisation(rivalry=0.0, share=0.0),
}
_WRONG = (1, 10)


class _Upload(NamedTuple):
    query: Query
    pictures: list[Descriptors]


class _Pictures(NamedTuple):
    matchers: list[ReferenceMatcher]
    benign: Rows
    uploads: list[_Upload]


def main() -> None:
    """Describe, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    pictures = asyncio.run(_pictures(read_manifest(given.manifest), given.cache))
    order = np.random.default_rng(given.seed).permutation(len(pictures.matchers))
    for size in [*(size for size in _SIZES if size < len(order)), len(order)]:
        chosen = [pictures.matchers[number] for number in order[:size]]
        for name, rule in _RULES.items():
            cells = _recalls(pictures.uploads, Gallery(chosen, pictures.benign, rule), {one.case_id for one in chosen})
            sys.stdout.write(f"{size:4} references, {name:14} {cells}\n")


async def _pictures(manifest: Manifest, cache: Path | None) -> _Pictures:
    settings = load_settings()
    registry = create_registry(settings)
    models = Models.of(registry, default_choice(registry, settings))
    kept = Cache(cache, models, settings.media)
    wanted = await describe_references(settings, models, kept, manifest.references)
    harmless = await describe_background(settings, models, kept, manifest.background)
    uploads = []
    async for query, described in describe_queries(settings, models, kept, manifest.queries):
        uploads.append(_Upload(query, [one for one in described.descriptors if one.modality == "visual"]))
    benign = [unpack(piece.vectors) for _, piece in harmless if piece.modality == "visual"]
    pieces: dict[tuple[str, str], list[Reference]] = defaultdict(list)
    for case, piece in wanted:
        if piece.modality == "visual" and piece.vectors.rows:
            pieces[case, piece.reference_id].append(piece)
    matchers = [ReferenceMatcher.join(*names, space_of(of_one[0]), of_one) for names, of_one in pieces.items()]
    nothing = np.zeros((0, matchers[0].vectors.shape[1]), np.float32)
    return _Pictures(matchers, np.concatenate([nothing, *benign]), uploads)


def _recalls(uploads: Sequence[_Upload], gallery: Gallery, cases: set[str]) -> str:
    """Return the recall before each number of wrong pairs, and the number of copies."""
    right, wrong = [], []
    for query, pictures in uploads:
        best: dict[str, float] = defaultdict(float)
        for match in (match for each in pictures for match in gallery.search(each)):
            best[match.case_id] = max(best[match.case_id], match.score)
        wrong += [score for case, score in best.items() if case != query.expect]
        if (
            query.expect in cases
            and any(each.vectors.rows for each in pictures)
            and (query.keeps is None or "visual" in query.keeps)
        ):
            right.append(best[query.expect])
    least = [sorted(wrong, reverse=True)[number - 1] if len(wrong) >= number else 0.0 for number in _WRONG]
    shares = (
        f"before wrong pair {number}: {np.mean(np.array(right) > score):.3f}"
        for number, score in zip(_WRONG, least, strict=True)
    )
    return f"{len(right)} copies, {', '.join(shares)}, highest wrong score {least[0]:.2f}"


if __name__ == "__main__":
    main()
