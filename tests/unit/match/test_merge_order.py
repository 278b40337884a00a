"""Order of coding and merging: how many slices there are at most, and what is never merged."""

from streams.match.merge_order import Coded, to_code, to_merge
from streams.match.slices import Slice

CODES = (1, 3)


def packed(n: int, week: int = 1, space: str = "m") -> set[Slice]:
    return {Slice(space, week, number) for number in range(n)}


def merged(coded: dict[Slice, Coded]) -> int:
    """Merge until nothing is to be merged, and return the number of slices that were written."""
    n_written = 0
    while group := to_merge(coded):
        parts = [coded.pop(one) for one in group]
        n_slices = sum(part.n_slices for part in parts)
        assert n_slices == group[-1].number - parts[0].first + 1  # adjacent
        coded[group[-1]] = Coded(parts[0].first, n_slices, parts[0].codes)
        n_written += n_slices
    return n_written


def one_by_one(n: int, week: int = 1) -> tuple[dict[Slice, Coded], int]:
    """Return what is left of slices that are coded one after the other, and the number that were written again."""
    coded: dict[Slice, Coded] = {}
    n_written = 0
    for number in range(n):
        coded[Slice("m", week, number)] = Coded(number, 1, CODES)
        n_written += merged(coded)
    return coded, n_written


def test_the_first_codes_of_a_space_are_trained_on_sixteen_slices() -> None:
    assert to_code(packed(15), ()) == []
    assert to_code(packed(16), ()) == sorted(packed(16))
    assert to_code(packed(20), ()) == sorted(packed(20))[:16]


def test_a_slice_of_a_space_with_codes_is_coded_at_once() -> None:
    assert to_code(packed(1), {"m"}) == [Slice("m", 1, 0)]
    assert to_code(packed(1), {"other"}) == []


def test_few_slices_of_a_week_long_past_are_coded_too() -> None:
    assert to_code(packed(2) | packed(1, week=2), ()) == []
    assert to_code(packed(2) | packed(1, week=3), ()) == sorted(packed(2))


def test_a_week_has_at_most_seven_slices_of_each_size_and_each_is_written_three_times() -> None:
    coded, n_written = one_by_one(1_000)
    sizes = [coded[one].n_slices for one in sorted(coded)]
    assert sizes == [512, *[64] * 7, *[8] * 5]
    assert n_written <= 3 * 1_000


def test_a_week_long_past_has_one_slice() -> None:
    coded, _ = one_by_one(300)
    coded[Slice("m", 3, 0)] = Coded(0, 1, CODES)
    assert merged(coded) == 300
    assert sorted(coded) == [Slice("m", 1, 299), Slice("m", 3, 0)]


def test_slices_of_other_weeks_spaces_or_codes_are_not_merged() -> None:
    coded = {Slice("m", week, number): Coded(number, 1, CODES) for week in (1, 2) for number in range(7)}
    coded |= {Slice("m", 1, 7): Coded(7, 1, (1, 7)), Slice("other", 1, 0): Coded(0, 1, CODES)}
    assert to_merge(coded) == []
