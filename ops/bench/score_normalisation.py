"""Print the gain of score normalisation by gallery size: ``python -m ops.bench.score_normalisation SET.json``.

The pictures of a set's uploads are compared with galleries of 1, 4, 8, 16 and all of its references, chosen by a seed.
A copy of a reference in the gallery should match; every other match is wrong. The output is the recall before the first
and before the tenth wrong pair, as the index scores them, without the margin to other cases' references, without the
level of the background, and without either. `--cache DIR` caches descriptors as `jikimi evaluate` does.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ops.bench.described import set_arguments
from ops.bench.set_pictures import Upload, describe_pictures
from streams.evaluation.manifest import read_manifest
from streams.match.gallery import Gallery
from streams.match.normalisation import Normalisation

_SIZES = (1, 4, 8, 16)
_RULES = {
    "as shipped": Normalisation(),
    "no rivals": Normalisation(rivalry=0.0),
    "no background": Normalisation(share=0.0),
    "neither": Normalisation(rivalry=0.0, share=0.0),
}
_WRONG = (1, 10)


def main() -> None:
    """Describe, compare and print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    pictures = asyncio.run(describe_pictures(read_manifest(given.manifest), given.cache))
    order = np.random.default_rng(given.seed).permutation(len(pictures.matchers))
    for size in [*(size for size in _SIZES if size < len(order)), len(order)]:
        chosen = [pictures.matchers[number] for number in order[:size]]
        for name, rule in _RULES.items():
            cells = _recalls(pictures.uploads, Gallery(chosen, pictures.benign, rule), {one.case_id for one in chosen})
            sys.stdout.write(f"{size:4} references, {name:14} {cells}\n")


def _recalls(uploads: Sequence[Upload], gallery: Gallery, cases: set[str]) -> str:
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
