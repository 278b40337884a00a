"""Coded slices: their size, and what a search of codes finds."""

import numpy as np
import numpy.typing as npt
import pytest

from models.alignment_parameters import AUDIO, VISUAL
from streams.match.archive import CandidateRule
from streams.match.coded_slice import CodedSlice
from streams.match.late_candidates import Aligned, AnyRow
from streams.match.packed_slices import PackedSlice
from tests.unit.match.test_reference_index import Vectors, near, unit

COLUMNS, ROWS, SEGMENTS = 256, 20, 400


def sliced(segments: list[Vectors], step_s: float = 1.0) -> PackedSlice:
    """Return segments as partition 0 has them, each under its number."""
    counts = [len(rows) for rows in segments]
    positions = np.array([[0, number] for number in range(len(segments))], np.int64)
    return PackedSlice.of_rows(
        np.concatenate(segments),
        np.repeat(positions, counts, axis=0),
        np.concatenate([3_000.0 + step_s * np.arange(n) for n in counts]),
        np.repeat(counts, counts).astype(np.int32),
    )


def likely(
    content: CodedSlice, rows: Vectors, times_s: npt.NDArray[np.float64], rule: CandidateRule, share: float = 1.0
) -> npt.NDArray[np.int64]:
    return rule.likely(content.pairs(rows, times_s, rule.estimated_floor, share))


def size(content: CodedSlice) -> int:
    return sum(array.nbytes for array in content)


@pytest.mark.parametrize("share", [1.0, 0.125])
def test_every_copy_is_found_and_hardly_anything_else(share: float) -> None:
    film = unit(60, COLUMNS, seed=1)
    segments = [unit(ROWS, COLUMNS, seed=10 + number) for number in range(SEGMENTS)]
    copies = range(0, SEGMENTS, 40)
    for number in copies:
        segments[number] = near(film[number % 40 : number % 40 + ROWS], 0.6, seed=1_000 + number)
    content = CodedSlice.of([sliced(segments)], 0, thinned=False)
    found = likely(content, film, np.arange(60.0), Aligned(VISUAL, penalty=3.7), share)
    assert set(copies) <= set(content.hits[found, 1].tolist())
    assert len(found) <= len(copies) + 0.02 * SEGMENTS


def test_a_row_takes_a_quarter_of_a_byte_a_dimension_and_six_bytes() -> None:
    few, many = (
        CodedSlice.of([sliced([unit(ROWS, COLUMNS, seed=number) for number in range(n)])], 0, thinned=False)
        for n in (100, 200)
    )
    n_rows, n_records = 100 * ROWS, 100
    assert size(many) - size(few) <= (192 / 4 + 6) * n_rows + 20 * n_records + 20_000  # blocks and lists are rounded up


def test_every_second_window_of_a_sound_has_a_code_and_each_of_a_short_one() -> None:
    long, short = unit(20, COLUMNS, seed=1), unit(8, COLUMNS, seed=2)
    content = CodedSlice.of([sliced([long, short], step_s=0.5)], 0, thinned=True)
    assert np.bincount(content.record).tolist() == [10, 8]
    rule = Aligned(AUDIO, penalty=3.0)
    for number, rows in enumerate((long, short)):
        times_s = np.arange(len(rows), dtype=np.float64) / 2
        assert likely(content, rows, times_s, rule).tolist() == [number]


def test_a_slice_without_vectors_is_found_by_digest() -> None:
    empty = sliced([np.zeros((1, COLUMNS), np.float32)] * 3)
    named = empty._replace(digests=np.array([b"ab" * 16], "S32"), owner=np.array([2], np.int32))
    content = CodedSlice.of([named], 0, thinned=False)
    assert content.named([b"\xab" * 16]).tolist() == [2]
    assert likely(content, unit(1, COLUMNS), np.zeros(1), AnyRow(0.6)).tolist() == []
