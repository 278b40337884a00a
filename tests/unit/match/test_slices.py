from datetime import UTC, datetime, timedelta

import pytest

from streams.match import slices
from streams.match.slices import Slice, Slices

MONDAY = datetime.fromordinal(7 * 105_000).replace(tzinfo=UTC)


def no_rows(_: Slice) -> int:
    return 0


def names(catalogue: Slices, *records: tuple[int, int]) -> list[tuple[int, int]]:
    """Return week and number of the slice of each record: its day and number of rows."""
    placed = [catalogue.place("m", MONDAY + timedelta(days=day), n_rows)[0] for day, n_rows in records]
    return [(one.week - 105_000, one.number) for one in placed]


@pytest.fixture(autouse=True)
def _slices_of_ten_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "ROWS", 10)


def test_a_slice_takes_records_until_it_is_full() -> None:
    catalogue = Slices([], no_rows)
    assert names(catalogue, (0, 4), (1, 4), (0, 4), (0, 4)) == [(0, 0), (0, 0), (0, 0), (0, 1)]
    assert catalogue.place("m", MONDAY, 20)[1] is None
    assert catalogue.place("m", MONDAY, 1) == (Slice("m", 105_000, 2), Slice("m", 105_000, 1))


def test_posts_of_another_week_and_of_another_model_have_slices_of_their_own() -> None:
    catalogue = Slices([], no_rows)
    assert names(catalogue, (0, 1), (7, 1), (6, 1), (-1, 1)) == [(0, 0), (1, 0), (0, 0), (-1, 0)]
    assert catalogue.place("n", MONDAY, 1)[0] == Slice("n", 105_000, 0)
    assert [one.week - 105_000 for one in catalogue.of("m")] == [-1, 0, 1]
    assert catalogue.spaces() == ["m", "n"]


def test_a_slice_of_before_a_restart_is_filled_up() -> None:
    catalogue = Slices([Slice("m", 105_000, 3), Slice("m", 105_000, 2)], lambda one: 9 if one.number == 3 else 99)
    assert names(catalogue, (0, 1), (0, 1)) == [(0, 3), (0, 4)]


def test_a_dropped_slice_is_gone() -> None:
    catalogue = Slices([Slice("m", 1, 0), Slice("m", 2, 0)], no_rows)
    catalogue.remove(Slice("m", 1, 0))
    assert catalogue.of("m") == [Slice("m", 2, 0)]


def test_a_name_gives_the_slice_again() -> None:
    one = Slice("visual_sscd__disc_1_512", 105_000, 12)
    assert Slice.of(one.name) == one
    assert Slice.of("visual_m_1_512") is None
