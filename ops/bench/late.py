"""Pairs found live against pairs found late: ``python -m ops.bench.late SET.json [--cache FOLDER] [--slice-rows N]``.

The uploads of a set are searched twice: each as it arrives in all references, and each reference in an archive of all
uploads, as when its case is opened after them. Printed for each modality: pairs with a score live only, late only and
both ways, the largest difference of a score, the share of segments that are candidates of a reference piece, and the
processor time of the archive's searches and of the comparisons with the candidates.

A set is small for an archive, in which most rows of pictures and sound are codes. With ``--slice-rows 512`` its slices
are so much smaller, and their rows codes.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ops.bench.described import default_describers, described_set, set_arguments
from schemas.messages import Descriptors
from streams.evaluation.judged import build_index
from streams.evaluation.manifest import Manifest, read_manifest
from streams.match import slices
from streams.match.archive import Hit
from streams.match.milvus_archive import MilvusArchive
from streams.match.reference_index import ReferenceIndex

type Pair = tuple[int, str, str]
"""Number of the segment, case and reference."""


class LateSearch:
    """Search of every reference in an archive of these segments, one after the other; without a broker."""

    def __init__(self, index: ReferenceIndex, archive: MilvusArchive, segments: Sequence[Descriptors]) -> None:
        self._index, self._archive, self._segments = index, archive, segments
        self.candidates, self.pieces = Counter[str](), Counter[str]()
        self.search_s, self.compare_s = Counter[str](), Counter[str]()

    def pairs(self) -> dict[Pair, float]:
        """Return the score of each pair found."""
        found: dict[Pair, float] = {}
        for token in self._index.pieces:
            found |= self._of_piece(token)
        return found

    def _of_piece(self, token: str) -> dict[Pair, float]:
        piece = self._index.pieces[token].load()
        assert piece is not None
        rule = self._index.candidate_rule(token, piece)
        assert rule is not None
        began_s = time.process_time()
        hits = self._archive.search(piece, {0}, rule)
        searched_s = time.process_time()
        matches = [(hit.offset, self._index.match_one(token, self._segments[hit.offset])) for hit in hits]
        self.search_s[piece.modality] += searched_s - began_s  # type: ignore[assignment]
        self.compare_s[piece.modality] += time.process_time() - searched_s  # type: ignore[assignment]
        self.candidates[piece.modality] += len(hits)
        self.pieces[piece.modality] += 1
        return {(number, one.case_id, one.reference_id): one.score for number, one in matches if one is not None}


def archive_all(archive: MilvusArchive, segments: Sequence[Descriptors]) -> None:
    """Archive segments, each under its number, and make codes of the slices that suffice for it."""
    for number, segment in enumerate(segments):
        archive.add(Hit(0, number), segment)
    while archive.compact():
        pass


def live_pairs(index: ReferenceIndex, segments: Sequence[Descriptors]) -> dict[Pair, float]:
    """Return the score of each pair that the segments find as they arrive."""
    return {
        (number, match.case_id, match.reference_id): match.score
        for number, segment in enumerate(segments)
        for match in index.search(segment)
    }


def main() -> None:
    """Measure and print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--slice-rows", type=int, default=slices.ROWS)
    given = parser.parse_args()
    slices.ROWS = given.slice_rows
    index, segments = asyncio.run(indexed(read_manifest(given.manifest), given.cache))
    with tempfile.TemporaryDirectory() as folder:
        archive = MilvusArchive(folder)
        archive_all(archive, segments)
        late = LateSearch(index, archive, segments)
        show(segments, live_pairs(index, segments), late.pairs(), late, sys.stdout.write)
        archive.close()


async def indexed(manifest: Manifest, cache: Path | None) -> tuple[ReferenceIndex, list[Descriptors]]:
    """Return the index of a set's references, and the segments of its uploads."""
    found = await described_set(manifest, default_describers(cache))
    return build_index(found.wanted, found.harmless), [one for _, described in found.uploads for one in described]


def show(
    segments: Sequence[Descriptors],
    live: dict[Pair, float],
    found: dict[Pair, float],
    late: LateSearch,
    write: Callable[[str], object],
) -> None:
    """Print one line for each modality."""
    write("modality  segments  pieces  live only  late only  both  difference  candidates  search, s  compare, s\n")
    of = Counter(segment.modality for segment in segments)
    for modality, n_segments in of.items():
        pairs = [{key for key in one if segments[key[0]].modality == modality} for one in (live, found)]
        both = pairs[0] & pairs[1]
        difference = max((abs(live[key] - found[key]) for key in both), default=0.0)
        share = late.candidates[modality] / max(1, n_segments * late.pieces[modality])
        write(
            f"{modality:8}{n_segments:10}{late.pieces[modality]:8}{len(pairs[0] - both):11}{len(pairs[1] - both):11}"
            f"{len(both):6}{difference:12.6f}{share:12.4f}"
            f"{late.search_s[modality]:11.2f}{late.compare_s[modality]:12.2f}\n"
        )


if __name__ == "__main__":
    main()
