"""References are chosen by how much more similar they are than chance makes some of so many."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.alignment_parameters import VISUAL
from streams.match import shortlist
from streams.match.row_index import Hits
from streams.match.shortlist import Shortlist

TIMES_S = np.arange(0.0, 60.0, 4.0)
RULE = Shortlist(VISUAL, least_nats=5.0, most_chance=0.6)


def hits(cosine: dict[int, float], noise: float = 0.0) -> Hits:
    """Return what an index finds where every row resembles each of these references, all along one line of times."""
    numbers = np.array(list(cosine), np.int64)
    row = np.repeat(np.arange(len(TIMES_S)), len(numbers))
    found = np.tile(np.array(list(cosine.values())), len(TIMES_S))
    found += noise * np.random.default_rng(1).standard_normal(len(found))
    start_s = TIMES_S[row]
    return Hits(row, np.tile(numbers, len(TIMES_S)), found.astype(np.float32), start_s, start_s + 1.0)


@pytest.mark.parametrize("n", [20, 200, 2_000])
def test_of_many_references_of_one_kind_of_scene_as_many_are_compared_as_of_few(n: int) -> None:
    of_one_kind = dict(zip(range(n), np.random.default_rng(2).normal(0.5, 0.03, n), strict=True))
    compared, _ = RULE.choose(hits(of_one_kind, noise=0.05), TIMES_S)
    assert 0 < len(compared) <= shortlist._MOST_POSSIBLE + 1
    compared, _ = RULE.choose(hits(of_one_kind | {n: 0.75}, noise=0.05), TIMES_S)
    assert n in compared


def test_all_references_of_a_video_that_is_registered_many_times_are_compared() -> None:
    compared, _ = RULE.choose(hits(dict.fromkeys(range(40), 0.8)), TIMES_S)
    assert sorted(compared) == list(range(40))


def test_of_many_references_of_a_video_that_an_edit_made_unlike_one_is_compared_at_least() -> None:
    compared, _ = RULE.choose(hits(dict.fromkeys(range(40), 0.55)), TIMES_S)
    assert compared


def test_fewer_references_than_chance_is_measured_by_are_compared_by_their_evidence_alone() -> None:
    few = hits(dict.fromkeys(range(shortlist._MOST_POSSIBLE), 0.4))
    assert sorted(RULE.choose(few, TIMES_S)[0]) == list(range(shortlist._MOST_POSSIBLE))


def test_what_chance_gives_is_the_similarity_of_references_and_not_of_rows_of_one() -> None:
    one = hits(dict.fromkeys(range(2), 0.5))
    again = Hits(*(np.concatenate([column] * shortlist._CHANCE) for column in one))
    assert sorted(RULE.choose(again, TIMES_S)[0]) == [0, 1]


def test_a_choice_takes_no_memory_for_the_references_that_were_withdrawn() -> None:
    after_years, at_first = (hits(dict.fromkeys(range(first, first + 40), 0.8)) for first in (10**7, 0))
    peaks = []
    for each in (at_first, after_years):
        tracemalloc.start()
        compared, _ = RULE.choose(each, TIMES_S)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sorted(compared) == list(range(10**7, 10**7 + 40))
    assert peaks[1] < 2 * peaks[0]


def test_references_that_no_line_can_have_enough_evidence_for_are_left_out_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random, n = np.random.default_rng(5), 3_000
    row, number = random.integers(len(TIMES_S), size=n), random.integers(60, size=n)
    start_s = random.integers(10, size=n) / 2
    made = Hits(row, number, random.uniform(0.2, 0.6, n).astype(np.float32), start_s, start_s + 0.5)
    rule = Shortlist(VISUAL, least_nats=20.0)
    left_out: list[int] = []
    whole = Shortlist._with_enough_at_once

    def counted(*given: Any) -> npt.NDArray[np.bool_]:
        found = whole(*given)
        left_out.append(int((~found).sum()))
        return found

    monkeypatch.setattr(Shortlist, "_with_enough_at_once", counted)
    found = rule.evidence(made, TIMES_S)
    monkeypatch.setattr(Shortlist, "_with_enough_at_once", lambda _, hits, *__: np.ones(len(hits.row), np.bool_))
    assert found == rule.evidence(made, TIMES_S)
    assert found
    assert left_out[0] > 0
