"""Coded slices: their size, and what a search of codes finds."""

import numpy as np
import numpy.typing as npt
import pytest

from models.alignment_parameters import AUDIO, VISUAL
from streams.match.archive import CandidateRule
from streams.match.archive_codes import ArchiveCodes
from streams.match.coded_slice import CodedSlice, kept_rows
from streams.match.late_candidates import Aligned, AnyRow
from streams.match.packed_slices import PackedSlice
from streams.match.product_codes import of_length_one
from tests.unit.match.test_reference_index import Vectors, near, unit

COLUMNS, ROWS, SEGMENTS = 256, 20, 400
type Coded = tuple[ArchiveCodes, CodedSlice]


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


def coded(exact: PackedSlice, *, thinned: bool = False) -> Coded:
    codes = ArchiveCodes.train(exact.vectors(kept_rows(exact, thinned=thinned)))
    return codes, CodedSlice.of(exact, codes, (1, 2), 0, thinned=thinned)


def likely(
    coded: Coded, rows: Vectors, times_s: npt.NDArray[np.float64], rule: CandidateRule, share: float = 1.0
) -> npt.NDArray[np.int64]:
    codes, content = coded
    return rule.likely(content.pairs(codes, codes.projected(rows), times_s, rule.estimated_floor, share))


def size(content: CodedSlice) -> int:
    return sum(array.nbytes for array in content)


@pytest.mark.parametrize("share", [1.0, 0.125])
def test_every_copy_is_found_and_hardly_anything_else(share: float) -> None:
    film = unit(60, COLUMNS, seed=1)
    segments = [unit(ROWS, COLUMNS, seed=10 + number) for number in range(SEGMENTS)]
    copies = range(0, SEGMENTS, 40)
    for number in copies:
        segments[number] = near(film[number % 40 : number % 40 + ROWS], 0.6, seed=1_000 + number)
    made = _, content = coded(sliced(segments))
    found = likely(made, film, np.arange(60.0), Aligned(VISUAL, penalty=3.7), share)
    assert set(copies) <= set(content.hits[found, 1].tolist())
    assert len(found) <= len(copies) + 0.02 * SEGMENTS


def test_a_row_takes_a_quarter_of_a_byte_a_dimension_and_six_bytes() -> None:
    few, many = (coded(sliced([unit(ROWS, COLUMNS, seed=number) for number in range(n)]))[1] for n in (100, 200))
    n_rows, n_records = 100 * ROWS, 100
    assert size(many) - size(few) <= (192 / 4 + 6) * n_rows + 20 * n_records + 20_000  # blocks and lists are rounded up


def test_every_second_window_of_a_sound_has_a_code_and_each_of_a_short_one() -> None:
    long, short = unit(20, COLUMNS, seed=1), unit(8, COLUMNS, seed=2)
    made = _, content = coded(sliced([long, short], step_s=0.5), thinned=True)
    assert np.bincount(content.record).tolist() == [10, 8]
    rule = Aligned(AUDIO, penalty=3.0)
    for number, rows in enumerate((long, short)):
        times_s = np.arange(len(rows), dtype=np.float64) / 2
        assert likely(made, rows, times_s, rule).tolist() == [number]


def test_a_slice_without_vectors_is_found_by_digest() -> None:
    empty = sliced([np.zeros((1, COLUMNS), np.float32)] * 3)
    named = empty._replace(digests=np.array([b"ab" * 16], "S32"), owner=np.array([2], np.int32))
    made = _, content = coded(named)
    assert content.named([b"\xab" * 16]).tolist() == [2]
    assert likely(made, unit(1, COLUMNS), np.zeros(1), AnyRow(0.6)).tolist() == []


def parts_of(segments: list[Vectors], codes: ArchiveCodes, size: int) -> list[CodedSlice]:
    slices = [sliced(segments[at : at + size]) for at in range(0, len(segments), size)]
    numbered = [
        one._replace(
            hits=one.hits + np.array([0, size * at]),
            digests=np.array([f"{at:032x}".encode()], "S32"),
            owner=np.zeros(1, np.int32),
        )
        for at, one in enumerate(slices)
    ]
    return [CodedSlice.of(one, codes, (1, 2), at, thinned=False) for at, one in enumerate(numbered)]


def pairs_of(content: CodedSlice, codes: ArchiveCodes, rows: Vectors, share: float = 1.0) -> set[tuple[int, ...]]:
    """Return row, offset, time and cosine of each pair, the last two as thousandths."""
    hits = content.pairs(codes, codes.projected(rows), np.arange(float(len(rows))), 0.3, share).hits
    columns = hits.row, content.hits[hits.number, 1], 1000 * hits.start_s, 1000 * hits.cosine
    return {tuple(round(float(value)) for value in pair) for pair in zip(*columns, strict=True)}


def test_merged_slices_have_the_pairs_and_the_digests_of_their_parts() -> None:
    film = unit(30, COLUMNS, seed=1)
    segments = [near(film[: 5 + number % 20], 0.5, seed=10 + number) for number in range(300)]
    exact = sliced(segments)
    codes = ArchiveCodes.train(exact.vectors(np.arange(exact.n_rows)))
    parts = parts_of(segments, codes, 60)
    merged = CodedSlice.merged(parts, codes)
    assert len(merged.sizes) > max(len(part.sizes) for part in parts)
    assert (merged.first.tolist(), merged.trained_on) == ([0], (1, 2))
    found = set[tuple[int, ...]]().union(*(pairs_of(part, codes, film) for part in parts))
    assert pairs_of(merged, codes, film) == found
    for at in range(len(parts)):
        assert merged.hits[merged.named([at.to_bytes(16, "big")]), 1].tolist() == [60 * at]
    assert merged.named([b"f" * 16]).tolist() == []


def test_a_share_of_the_lists_has_most_of_the_near_pairs() -> None:
    film = unit(30, COLUMNS, seed=1)
    segments = [near(film, 0.8, seed=10), *(unit(ROWS, COLUMNS, seed=20 + number) for number in range(SEGMENTS))]
    codes, content = coded(sliced(segments))
    all_near = {pair for pair in pairs_of(content, codes, film) if pair[:2] == (pair[0], 0) and pair[3] >= 700}
    assert len(all_near) >= 30
    assert len(all_near & pairs_of(content, codes, film, share=0.25)) >= 0.9 * len(all_near)


def test_codes_suit_rows_like_those_of_their_training_and_no_others() -> None:
    random = np.random.default_rng(1)
    narrow, other = (random.normal(size=(64, COLUMNS)).astype(np.float32) for _ in range(2))
    rows, more, foreign = (
        of_length_one(unit(4_000, 64, seed=at) @ one) for at, one in enumerate((narrow, narrow, other))
    )
    codes = ArchiveCodes.train(rows)
    assert codes.suit(more)
    assert not codes.suit(foreign)
