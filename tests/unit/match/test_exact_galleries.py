"""Texts of many cases are in several galleries, and found as in one."""

import numpy as np
import pytest

from schemas.messages import Descriptors
from streams.match import exact_galleries
from streams.match.exact_galleries import ExactGalleries
from streams.match.piece import Piece
from streams.match.piece_table import PieceTable
from streams.match.reference_index import ReferenceIndex
from tests.unit.match.test_reference_index import COLUMNS, entry, near, piece, query, unit

N = 40
PHRASES = unit(N, COLUMNS, seed=60)
TEXTS = [
    entry(
        piece(PHRASES[number : number + 1], [0.0], modality="text", digests=[bytes([number % 7]) * 32]),
        f"case-{number}",
    )
    for number in range(N)
]


def text(number: int) -> Descriptors:
    """Return a text with a sentence like one case's phrase and a term of several cases."""
    digests = [bytes([number % 5]) * 32]
    return query(near(PHRASES[number : number + 1], 0.9), [0.0], modality="text", digests=digests)


def found(index: ReferenceIndex, number: int) -> dict[str, float]:
    return {match.case_id: match.score for match in index.search(text(number))}


def galleries(index: ReferenceIndex) -> ExactGalleries:
    (space,) = index._spaces.values()
    assert isinstance(space._gallery, ExactGalleries)
    return space._gallery


def test_after_any_changes_texts_are_found_as_in_one_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    random, table, index = np.random.default_rng(11), PieceTable(), ReferenceIndex()
    sizes = set()
    for offset, n in enumerate([3, 20, 40, 30, 20, 10, 5, 1, 0, 40, 25]):
        present = random.choice(N, n, replace=False).tolist()
        for number, (key, case, _) in enumerate(TEXTS):
            if number in present:  # new, or written again
                table.put(key, case, offset)
            else:
                table.erase(key)
        monkeypatch.setattr(exact_galleries, "_SOME", 4)
        index = index.changed(*table.change())
        sizes.add(len(galleries(index)._galleries))
        monkeypatch.setattr(exact_galleries, "_SOME", N + 1)
        one = ReferenceIndex(TEXTS[number] for number in present)
        for number in random.choice(N, 8).tolist():
            assert found(index, number) == pytest.approx(found(one, number), abs=1e-6)
    assert len(sizes) > 2


def test_a_change_makes_one_gallery_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_galleries, "_SOME", 4)
    before = ReferenceIndex(TEXTS[:-1])
    for after in (
        before.changed([], [Piece.of(*TEXTS[-1])]),
        before.changed([one for one in before.pieces.values() if one.case_id == "case-3"], []),
    ):
        pairs = zip(galleries(before)._galleries, galleries(after)._galleries, strict=True)
        assert sum(old is not new for old, new in pairs) == 1


def test_references_have_their_rows_once_in_memory_in_the_matrix_that_queries_are_compared_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exact_galleries, "_SOME", 4)
    changed = galleries(ReferenceIndex(TEXTS[:-1]).changed([], [Piece.of(*TEXTS[-1])]))
    for part, gallery in zip(changed._parts, changed._galleries, strict=True):
        rows = [stack.rows for stack in gallery._stacks]
        assert all(any(np.shares_memory(one.vectors, some) for some in rows) for one in part.values())
        assert sum(map(len, rows)) == sum(len(one.vectors) for one in part.values())
