from collections.abc import Iterator
from itertools import count

from streams.match.search_order import PieceWork, SearchOrder


def pieces(case_id: str, n_pieces: int, rows: int = 60) -> dict[str, PieceWork]:
    return {f"{case_id}-{number}": PieceWork((case_id, "r1"), rows) for number in range(n_pieces)}


def drain(order: SearchOrder) -> Iterator[str]:
    while (token := order.next()) is not None:
        yield token
        order.done(token)


def test_a_clip_is_searched_before_an_older_film_which_has_every_fourth_turn() -> None:
    order = SearchOrder(pieces("film", 20) | pieces("clip", 5), count())
    cases = [token.split("-")[0] for token in drain(order)]
    assert cases[:7] == ["clip"] * 3 + ["film"] + ["clip"] * 2 + ["film"]
    assert cases.count("film") == 20


def test_a_film_ends_however_many_clips_come() -> None:
    turns = count()
    left = pieces("film", 10)
    n_turns = 0
    while left:
        order = SearchOrder(left | pieces(f"clip{n_turns}", 1, rows=30), turns)  # cases change after every turn
        left.pop(order.next() or "", None)
        n_turns += 1
    assert n_turns == 40


def test_the_reference_with_the_fewest_rows_left_is_next_whatever_its_age() -> None:
    order = SearchOrder(pieces("a", 2, rows=60) | pieces("b", 3, rows=30), count())
    assert [token[0] for token in drain(order)] == ["b", "b", "b", "a", "a"]


def test_the_hits_of_a_paused_piece_count_as_work() -> None:
    order = SearchOrder(pieces("a", 2) | pieces("b", 2), count())
    assert order.next() == "a-0"
    order.paused("a-0", 500)
    assert order.n_references == 2
    assert list(drain(order)) == ["b-0", "b-1", "a-0", "a-1"]
    assert order.n_references == 0
    assert order.next() is None
