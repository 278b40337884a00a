"""Copies that the index finds, by the codes compared: ``python -m ops.bench.codes_compared [--modality audio]``.

Made references (ops/bench/made_vectors.py) of 6 s. A post is an edited copy of one, alone or in an unrelated minute.
Printed for each number of codes: the share of posts whose reference is among those that would be compared exactly, and
milliseconds of the processor for the search of codes and the choice, in a fresh process with one thread.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ops.bench.made_records import made_descriptors, made_piece
from ops.bench.made_vectors import Described, Made
from ops.bench.one_process import alone
from schemas.messages import Case, Descriptors, PieceModality, Policy
from streams.match import indexed_gallery
from streams.match.indexed_gallery import IndexedGallery
from streams.match.piece import Piece
from streams.match.piece_file import PieceFile

_POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
_SECONDS, _POST_S = 6, 60
_FIRST = {"visual": 8, "audio": 60}
"""Row of a post at which the copy begins."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modality", choices=["visual", "audio"], default="visual")
    parser.add_argument("--references", type=int, default=20_000)
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--codes", type=int, nargs="+", default=[500_000, 1_000_000, 2_000_000, 1_000_000_000])
    given = parser.parse_args()
    alone(measure, given.modality, given.references, given.posts, given.codes)


def measure(modality: PieceModality, references: int, n_posts: int, codes: Sequence[int]) -> None:
    """Print the figures; run it in a process of its own."""
    made, file = Made(), PieceFile(Path(tempfile.mkdtemp()))
    gallery = IndexedGallery.build(
        list(_pieces(made, modality, references, file)), (np.zeros((0, 1), np.float32), frozenset())
    )
    copied = np.random.default_rng(7).integers(references, size=n_posts).tolist()
    for inside in (False, True):
        posts = [_post(made, modality, number, inside=inside) for number in copied]
        for n_codes in codes:
            indexed_gallery._COMPARED = n_codes  # noqa: SLF001 - what is measured
            start_s = time.process_time()
            found = [number in gallery._likely(post)[0] for number, post in zip(copied, posts, strict=True)]  # noqa: SLF001
            spent_ms = 1000 * (time.process_time() - start_s) / n_posts
            figures = {
                "inside a minute": inside,
                "codes": n_codes,
                "found": float(np.mean(found)),
                "ms": round(spent_ms, 2),
            }
            sys.stdout.write(json.dumps(figures) + "\n")


def _pieces(made: Made, modality: PieceModality, references: int, file: PieceFile) -> Iterator[tuple[Piece]]:
    opened_at = datetime.now(UTC)
    for number in range(references):
        piece = made_piece(modality, *_reference(made, modality, number), _SECONDS)  # type: ignore[arg-type]
        case = Case(case_id=f"case-{number}", name="", opened_at=opened_at, policy=_POLICY, reference=piece)
        yield (Piece.of(case.case_id, case, piece, file, file.add(piece)),)


def _reference(made: Made, modality: PieceModality, number: int) -> Described:
    return made.pictures(number, _SECONDS) if modality == "visual" else made.sounds(number, _SECONDS)


def _post(made: Made, modality: PieceModality, number: int, *, inside: bool) -> Descriptors:
    post = made.post_pictures if modality == "visual" else made.post_sounds
    described = copy = post(_SECONDS, number, _reference(made, modality, number))
    if inside:
        described = post(_POST_S, number)
        described.vectors[_FIRST[modality] :][: len(copy.vectors)] = copy.vectors
    return made_descriptors(modality, *described, _POST_S)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
