import pytest

from streams.match import slices
from streams.match.slices import Slice, Slices


def starts(catalogue: Slices, *records: tuple[int, int, int]) -> list[int]:
    """Return the start of the slice of each record: its offset, day and number of rows."""
    return [catalogue.place("m", 0, offset, day, n_rows)[0].start for offset, day, n_rows in records]


@pytest.fixture(autouse=True)
def _slices_of_ten_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_ROWS", 10)


def test_a_slice_takes_records_until_it_is_full() -> None:
    catalogue = Slices([])
    assert starts(catalogue, (3, 0, 4), (4, 0, 4), (5, 0, 4), (6, 0, 4)) == [3, 3, 3, 6]
    assert catalogue.place("m", 0, 7, 0, 20)[1] is None
    assert catalogue.place("m", 0, 8, 0, 1) == (Slice("m", 0, 8, 0), Slice("m", 0, 6, 0))


def test_a_slice_takes_the_records_of_a_week() -> None:
    assert starts(Slices([]), (0, 100, 1), (1, 106, 1), (2, 107, 1), (3, 100, 1)) == [0, 0, 2, 2]


def test_an_earlier_record_goes_to_the_slice_before_unless_that_would_double() -> None:
    catalogue = Slices([])
    starts(catalogue, (10, 0, 10), (20, 0, 1))
    assert starts(catalogue, (19, 0, 9), (18, 0, 9), (17, 0, 9)) == [10, 10, 17]
    assert starts(catalogue, (3, 0, 1)) == [3]


def test_a_slice_of_before_a_restart_counts_as_full_but_takes_its_own_first_record_again() -> None:
    catalogue = Slices([Slice("m", 0, 5, 0)])
    assert starts(catalogue, (5, 0, 1), (6, 0, 1)) == [5, 6]


def test_slices_that_may_have_expired_are_listed_over_all_spaces_of_one_partition() -> None:
    made = [Slice("m", 0, 5, 0), Slice("m", 0, 9, 0), Slice("n", 0, 7, 0), Slice("m", 1, 1, 0)]
    catalogue = Slices(made)
    assert [(one.space, one.start) for one in catalogue.before(0, 9)] == [("m", 5), ("n", 7)]
    catalogue.remove(made[0])
    assert [(one.space, one.start) for one in catalogue.before(0, 9)] == [("n", 7)]
    assert catalogue.partitions() == {0, 1}


def test_a_name_gives_the_slice_again() -> None:
    one = Slice("visual_sscd__disc_1_512", 7, 123, 739_000)
    assert Slice.of(one.name) == one
    assert Slice.of("visual_m_1_512") is None
