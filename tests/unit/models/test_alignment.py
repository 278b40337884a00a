from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models import aligned_pair, voting
from models.aligned_pair import Alignment
from models.alignment import align, alignments, joint_score
from models.alignment_parameters import AUDIO, VISUAL, AlignmentParameters
from models.evidence import most_evidence
from models.voting import Line

type Times = npt.NDArray[np.float64]
type Matrix = tuple[npt.NDArray[np.float32], Times, Times]
"""Similarity, query times, reference times."""
type Piece = tuple[float, float, float, float]
"""Query start, query end, reference start, speed."""

_SHOT_S = 5.0


def made(
    query_times: Times, n_reference: int, *pieces: Piece, similarity: float = 0.75, views: int = 1, shot: float = 0.7
) -> Matrix:
    """Return similarities to a reference of 5 s shots, 1 frame a second; `shot` of the similarity remains in a shot."""
    random = np.random.default_rng(7)
    reference_times = np.arange(n_reference, dtype=np.float64) + 0.4
    matrix = random.normal(0.08, 0.06, (len(query_times), views, n_reference))
    for start, end, at, speed in pieces:
        for row in np.flatnonzero((query_times >= start) & (query_times < end)):
            reference_s = at + speed * (query_times[row] - start)
            same_shot = reference_times // _SHOT_S == reference_s // _SHOT_S
            level = np.where(np.abs(reference_times - reference_s) <= 0.5, 1.0, np.where(same_shot, shot, 0.0))
            row_similarity = similarity * level + random.normal(0, 0.03, n_reference)
            view = random.integers(views)
            matrix[row, view] = np.maximum(matrix[row, view], row_similarity)
    flat = matrix.reshape(-1, n_reference).astype(np.float32)
    return flat, np.repeat(query_times, views), reference_times


def each_second(seconds: int) -> Times:
    return np.arange(seconds, dtype=np.float64)


def best(matrix: Matrix, parameters: AlignmentParameters = VISUAL) -> Alignment:
    found = align(*matrix, parameters)
    assert found is not None
    return found


def score(matrix: Matrix, parameters: AlignmentParameters = VISUAL) -> float:
    return joint_score(alignments(*matrix, parameters), parameters)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.1, 1.25, 2.0])
def test_offset_and_speed_are_found(speed: float) -> None:
    found = best(made(each_second(60), 600, (0, 60, 100, speed), views=6))
    assert found.speed == pytest.approx(speed, rel=0.03)
    assert found.query == pytest.approx((0, 59.5), abs=1)
    assert found.reference == pytest.approx((100, 100 + 59.5 * speed), abs=1.5)
    assert found.score > 0.85


def test_an_excerpt_inside_another_video_is_found_where_it_is() -> None:
    found = best(made(each_second(60), 600, (20, 28, 120, 1.0)))
    assert found.query == pytest.approx((19.5, 27.5), abs=0.1)
    assert found.reference == pytest.approx((119.5, 127.5), abs=0.6)
    assert found.score > 0.7


def test_a_short_reference_inside_a_long_post_is_found() -> None:
    found = best(made(each_second(60), 8, (30, 38, 0, 1.0)))
    assert found.query == pytest.approx((30, 37), abs=1)
    assert found.score > 0.7


@pytest.mark.parametrize("n_times", [4, 6, 8])
def test_a_few_times_at_uneven_distances_are_enough_for_a_copy(n_times: int) -> None:
    times = np.sort(np.random.default_rng(n_times).uniform(0, 60, n_times))
    found = best(made(times, 600, (0, 60, 200, 1.0), similarity=0.85))
    assert found.reference[0] - found.query[0] == pytest.approx(200, abs=0.8)
    assert found.score > 0.7


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)], ids=str)
def test_parts_in_another_order_are_passages_of_their_own(order: tuple[int, ...]) -> None:
    pieces: list[Piece] = [(20 * to, 20 * to + 20, 100 + 60 * part, 1.0) for to, part in enumerate(order)]
    matrix = made(each_second(60), 400, *pieces)
    found = sorted(alignments(*matrix, VISUAL), key=lambda one: one.query)
    assert len(found) == 3
    for one, (start, end, at, _) in zip(found, pieces, strict=True):
        assert one.query == pytest.approx((start, end), abs=1.0)
        assert one.reference == pytest.approx((at, at + 20), abs=1.5)
    assert joint_score(found, VISUAL) > max(one.score for one in found)


def test_each_repetition_of_a_loop_is_found() -> None:
    matrix = made(each_second(40), 120, *((10 * n, 10 * n + 10, 50, 1.0) for n in range(4)))
    found = alignments(*matrix, VISUAL)
    assert len(found) == 4
    assert all(one.reference == pytest.approx((50, 60), abs=1.5) for one in found)


def test_pictures_played_backwards_are_found_at_their_place() -> None:
    matrix, query_s, reference_s = made(each_second(12), 40, (0.0, 12.0, 20.0, 1.0))

    found = best((matrix[::-1], query_s, reference_s))

    assert found.score > 0.9
    assert found.query == pytest.approx((0.0, 11.5), abs=0.6)
    assert found.reference == pytest.approx((19.9, 31.9), abs=0.6)


def test_a_cut_that_skips_a_minute_makes_two_passages() -> None:
    found = alignments(*made(each_second(30), 300, (0, 15, 40, 1.0), (15, 30, 115, 1.0)), VISUAL)
    assert sorted(round(one.reference[0] - one.query[0], -1) for one in found) == [40, 100]


def test_passages_share_no_time_of_the_query_and_the_best_comes_first() -> None:
    matrix = made(each_second(60), 300, (0, 10, 40, 1.0), (20, 50, 115, 1.3))
    found = alignments(*matrix, VISUAL)
    assert [one.evidence for one in found] == sorted((one.evidence for one in found), reverse=True)
    ordered = sorted(found, key=lambda one: one.query)
    assert all(one.query[1] <= other.query[0] + 1e-6 for one, other in pairwise(ordered))


def test_a_long_run_of_moderate_similarity_counts_more_than_a_short_one_of_high() -> None:
    long_moderate = score(made(each_second(60), 300, (10, 40, 100, 1.0), similarity=0.45, shot=0.6))
    short_high = score(made(each_second(60), 300, (10, 12, 100, 1.0), similarity=0.8))
    assert long_moderate > 0.7 > short_high


def test_frames_as_similar_on_every_line_are_no_copy() -> None:
    """Toys filmed on one table: similarities of 0.44 to 0.48 at all times."""
    random = np.random.default_rng(2)
    toys = random.normal(0.46, 0.02, (20, 60)).astype(np.float32)
    copy = made(each_second(20), 60, (0, 20, 20, 1.0), similarity=0.46, shot=0.7)
    assert score((toys, each_second(20), each_second(60))) < 0.2
    assert score(copy) > 0.5
    assert score((toys, each_second(20), each_second(60)), replace(VISUAL, contrast=0.0)) > 0.5


def test_a_still_scene_is_found_by_its_high_similarity() -> None:
    random = np.random.default_rng(2)
    still = random.normal(0.85, 0.02, (20, 60)).astype(np.float32)
    assert score((still, each_second(20), each_second(60))) > 0.5


def test_one_chance_match_in_a_long_video_is_no_evidence() -> None:
    assert score(made(each_second(60), 600, (30, 31, 130, 1.0), similarity=0.95, shot=0.0)) < 0.1


def test_scattered_chance_matches_are_no_evidence() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(0.05, 0.08, (60, 600)).astype(np.float32)
    matrix[random.integers(0, 60, 30), random.integers(0, 600, 30)] = 0.6
    assert score((matrix, each_second(60), each_second(600))) < 0.2


@pytest.mark.parametrize("n_times", [1, 10], ids=["a picture", "a video of it"])
@pytest.mark.parametrize("n_reference", [1, 20, 600])
def test_a_still_picture_of_a_reference_is_found(n_times: int, n_reference: int) -> None:
    row = np.random.default_rng(4).normal(0.08, 0.06, n_reference).astype(np.float32)
    row[n_reference // 2] = 0.92
    matrix = np.repeat(row[None, :], n_times, axis=0)
    assert score((matrix, each_second(n_times), each_second(n_reference))) > 0.5
    assert score((matrix - np.float32(0.45), each_second(n_times), each_second(n_reference))) < 0.4


def test_an_image_against_an_image_has_intervals_of_length_zero() -> None:
    found = best((np.array([[0.9]], np.float32), np.zeros(1), np.zeros(1)))
    assert found.query == found.reference == (0.0, 0.0)
    assert found.speed == 1.0
    assert found.score > 0.5


def test_more_lines_to_choose_from_lower_the_score() -> None:
    few, many = (score(made(each_second(5), n, (0, 5, 2, 1.0))) for n in (10, 3000))
    assert few > many > 0.3


def test_nothing_similar_aligns_with_nothing() -> None:
    assert align(np.zeros((4, 5), np.float32), each_second(4), each_second(5), VISUAL) is None


@pytest.mark.parametrize(("n_query", "n_reference"), [(0, 5), (5, 0), (0, 0)])
def test_an_empty_side_aligns_with_nothing(n_query: int, n_reference: int) -> None:
    matrix = np.zeros((n_query, n_reference), np.float32)
    assert alignments(matrix, each_second(n_query), each_second(n_reference), VISUAL) == []


def test_rows_may_come_in_any_order() -> None:
    matrix, query_times, reference_times = made(each_second(30), 90, (0, 30, 40, 1.0), views=3)
    order = np.random.default_rng(1).permutation(len(query_times))
    back = np.arange(len(reference_times))[::-1]
    shuffled = align(matrix[order][:, back], query_times[order], reference_times[back], VISUAL)
    assert shuffled == align(matrix, query_times, reference_times, VISUAL)


def test_views_of_a_reference_count_as_its_times() -> None:
    matrix, query_times, reference_times = made(each_second(30), 90, (0, 30, 40, 1.0))
    other = np.random.default_rng(1).normal(0.08, 0.06, matrix.shape).astype(np.float32)
    both = np.concatenate([other, matrix], axis=1)
    found = align(both, query_times, np.tile(reference_times, 2), VISUAL)
    assert found is not None
    assert found.score == pytest.approx(best((matrix, query_times, reference_times)).score, abs=0.05)


def sounds(random: np.random.Generator, first: int, n_copied: int, mean: float) -> Matrix:
    """Return similarities of sound windows, correlated where windows overlap, with a copy of `n_copied` windows."""
    drawn = random.normal(0.0, 0.12, (240, 970))
    matrix = np.sum([drawn[:, lag : lag + 960] for lag in range(10)], axis=0) / np.sqrt(10)
    rows = np.arange(first, first + n_copied)
    matrix[rows, rows + 200] = np.maximum(matrix[rows, rows + 200], random.normal(mean, 0.1, n_copied))
    return matrix.astype(np.float32), np.arange(0.0, 60.0, 0.25), np.arange(0.0, 240.0, 0.25)


def test_a_run_of_sounds_needs_seconds_to_count() -> None:
    random = np.random.default_rng(5)
    nothing, short, long = (score(sounds(random, 100, n, 0.65), AUDIO) for n in (0, 4, 60))
    assert nothing < 0.3
    assert short < 0.4
    assert long > 0.6


def test_a_like_word_of_one_voice_is_weaker_than_a_stretch_of_one_recording() -> None:
    def run(*similarities: float) -> Matrix:
        matrix, query_s, reference_s = sounds(np.random.default_rng(5), 100, 0, 0.0)
        rows = 100 + 2 * np.arange(len(similarities))  # windows each half a second
        matrix[rows, rows + 200] = similarities
        return matrix[::2], query_s[::2], reference_s

    word = score(run(0.35, 0.46, 0.6, 0.74, 0.78, 0.72, 0.6, 0.44), AUDIO)  # as measured between two recordings
    stretch = score(run(0.94, 0.95, 0.96, 0.94), AUDIO)
    assert word < 0.5
    assert stretch > 0.85


def test_the_window_of_a_sound_belongs_to_the_passage() -> None:
    found = best(sounds(np.random.default_rng(5), 100, 60, 0.7), AUDIO)
    assert found.query == pytest.approx((25.0 - AUDIO.window_s / 2, 39.75 + AUDIO.window_s / 2), abs=0.8)
    assert found.reference[0] - found.query[0] == pytest.approx(50, abs=0.4)


def test_the_bound_of_the_evidence_is_never_below_it() -> None:
    random = np.random.default_rng(6)
    for similarity in random.uniform(0.2, 0.9, 30):
        matrix, times, reference_times = made(each_second(20), 60, (0, 20, 20, 1.0), similarity=float(similarity))
        bound = float(most_evidence(matrix.max(axis=1), VISUAL))
        assert bound >= sum(one.evidence for one in alignments(matrix, times, reference_times, VISUAL))


def test_scores_stay_between_zero_and_one() -> None:
    random = np.random.default_rng(5)
    parameters = replace(VISUAL, floor=-0.5, even=-0.4, tolerance_s=1.0, min_pairs=2)
    for _ in range(50):
        shape = tuple(random.integers(1, 30, 2))
        matrix = random.uniform(-1, 1.001, shape).astype(np.float32)
        found = alignments(matrix, np.sort(random.uniform(0, 60, shape[0])), np.arange(float(shape[1])), parameters)
        assert all(0.0 <= one.score <= 1.0 for one in found)
        assert all(one.query[0] <= one.query[1] and one.reference[0] <= one.reference[1] for one in found)


def test_a_line_is_fitted_to_reference_times_near_it_where_they_are_unevenly_spaced() -> None:
    reference_s = np.concatenate([np.arange(0.0, 6.0, 0.5), np.arange(6.0, 13.0)])
    query_s = np.arange(12.0)
    similarity = np.where(reference_s == query_s[:, None], 0.8, 0.1).astype(np.float32)
    (found,) = alignments(similarity, query_s, reference_s, VISUAL)
    assert found.speed == pytest.approx(1.0)
    assert found.reference == pytest.approx(found.query)


def test_no_line_is_sought_where_none_can_have_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[int] = []
    lines = voting.likely_lines

    def noted(*given: Any, **more: Any) -> list[Line]:
        sought.append(1)
        return lines(*given, **more)

    monkeypatch.setattr(aligned_pair, "likely_lines", noted)
    assert alignments(*made(each_second(20), 60), VISUAL) == []
    assert not sought
    assert alignments(*made(each_second(20), 60, (0.0, 20.0, 10.0, 1.0)), VISUAL)
    assert len(sought) == 1  # no second passage, and not backwards


@pytest.mark.parametrize("parameters", [VISUAL, AUDIO])
def test_no_run_has_more_evidence_than_its_bound(parameters: AlignmentParameters) -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        n, m = (int(n) for n in random.integers(1, 40, 2))
        similarity = random.normal(random.choice([0.1, 0.3, 0.5]), 0.15, (n, m)).clip(-1, 1).astype(np.float32)
        pair = aligned_pair.Pair(
            similarity, each_second(n) * float(random.choice([0.25, 1.0, 4.0])), each_second(m), parameters
        )
        run = pair.best_run()
        assert run is None or run.evidence <= pair.most_nats() + 1e-4
