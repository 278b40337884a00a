"""Searches by the index against a comparison with all references: ``python -m ops.bench.indexed_search SET.json``.

The set's uploads are searched twice: compared with every reference of the set, and by an index that has made references
beside them (ops/bench/made_vectors.py, of the set's models). Printed: rows and codes of the set's references, the
matches from each score on, the share of them that the index finds, the largest difference of a score, the processor
time of both, and made references matched.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ops.bench.described import default_describers, set_arguments
from ops.bench.made_records import made_piece
from ops.bench.made_vectors import Made
from schemas.messages import Case, Match, Reference
from streams.evaluation.described import Models, describe_references
from streams.evaluation.described_set import describe_queries
from streams.evaluation.manifest import Manifest, read_manifest
from streams.match import space_index
from streams.match.indexed_gallery import runs_of
from streams.match.piece import Piece
from streams.match.reference_index import ReferenceIndex

_SECONDS, _SCORES = 30, (0.3, 0.5, 0.7, 0.9)
_NOW = datetime.now(UTC)
type Entry = tuple[str, Case, Reference]
type Found = dict[tuple[int, str], float]
"""Score of each match, by number of the search and case."""


def main() -> None:
    """Measure and print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--made", type=int, default=300, help="made references")
    given = parser.parse_args()
    asyncio.run(measure(read_manifest(given.manifest), given.cache, given.made))


async def measure(manifest: Manifest, cache: Path | None, n_made: int) -> None:
    """Describe the set, search and print."""
    given = default_describers(cache)
    pieces = await describe_references(*given, manifest.references)
    own = [_entry(f"set-{number}", case, piece) for number, (case, piece) in enumerate(pieces)]
    space_index.MANY = len(own) + n_made
    all_compared = ReferenceIndex(own)
    space_index.MANY = 0
    indexed = ReferenceIndex([*own, *_made(given.models, n_made)])
    _print_codes([piece for piece in indexed.pieces.values() if not piece.case_id.startswith("made-")])
    exact: Found = {}
    found: Found = {}
    spent = [0.0, 0.0]
    n_searches = 0
    async for _, described in describe_queries(*given, manifest.queries):
        for query in described.descriptors:
            for at, (index, into) in enumerate(((all_compared, exact), (indexed, found))):
                start_s = time.process_time()
                _note(into, n_searches, index.search(query))
                spent[at] += time.process_time() - start_s
            n_searches += 1
    _print(exact, found)
    made = [score for (_, case), score in found.items() if case.startswith("made-")]
    sys.stdout.write(f"made references matched: {len(made)}, highest score {max(made, default=0.0):.2f}\n")
    sys.stdout.write(
        f"ms a search: all compared {1000 * spent[0] / n_searches:.1f}, indexed {1000 * spent[1] / n_searches:.1f}\n"
    )


def _note(into: Found, search: int, matches: list[Match]) -> None:
    for match in matches:
        into[search, match.case_id] = max(match.score, into.get((search, match.case_id), 0.0))


def _print(exact: Found, found: Found) -> None:
    for least in _SCORES:
        wanted = {key: score for key, score in exact.items() if score >= least}
        kept = [key for key in wanted if key in found]
        error = max((abs(found[key] - wanted[key]) for key in kept), default=0.0)
        share = len(kept) / max(1, len(wanted))
        sys.stdout.write(f"from {least}: {len(wanted)} matches, found {share:.4f}, largest difference {error:.4f}\n")


def _print_codes(pieces: Sequence[Piece]) -> None:
    for modality in ("visual", "audio"):
        coded = [(one.n_rows, len(runs_of((one,)).rows)) for one in pieces if one.space[0] == modality]
        n_rows, n_codes = (sum(column) for column in zip(*coded, strict=True))
        sys.stdout.write(f"{modality}: {n_rows} rows of the set's references have {n_codes} codes\n")


def _made(models: Models, number: int) -> Iterator[Entry]:
    made = Made()
    for at in range(number):
        for modality, described, model in (
            ("visual", made.pictures(at, _SECONDS), models.visual),
            ("audio", made.sounds(at, _SECONDS), models.audio),
        ):
            piece = made_piece(modality, *described, _SECONDS)  # type: ignore[arg-type]
            piece = msgspec.structs.replace(piece, model=model.name, version=model.version)
            yield _entry(f"made-{at}-{modality}", f"made-{at}", piece)


def _entry(key: str, case: str, piece: Reference) -> Entry:
    return key, Case(case_id=case, name="", opened_at=_NOW, reference=piece), piece


if __name__ == "__main__":
    main()
