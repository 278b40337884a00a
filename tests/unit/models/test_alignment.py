import time

import numpy as np
import numpy.typing as npt
import pytest

from models.alignment import AUDIO, VISUAL, AlignmentParameters, align

Matrix = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Similarity, query times, reference times."""


def made(
    n_query: int,
    n_reference: int,
    *,
    offset_s: float = 0.0,
    speed: float = 1.0,
    copied: range | None = None,
    views: int = 1,
    similarity: float = 0.75,
) -> Matrix:
    """Frames a second apart; of the query's times those in `copied` show the reference from `offset_s` on."""
    random = np.random.default_rng(7)
    query_times = np.repeat(np.arange(n_query, dtype=np.float64), views)
    reference_times = np.arange(n_reference, dtype=np.float64) + 0.4
    matrix = random.normal(0.05, 0.08, (n_query * views, n_reference)).astype(np.float32)
    for index in range(n_query) if copied is None else copied:
        reference_s = offset_s + speed * index
        nearest = int(np.abs(reference_times - reference_s).argmin())
        if abs(reference_times[nearest] - reference_s) <= 0.5:
            matrix[index * views + random.integers(views), nearest] = similarity + random.normal(0, 0.03)
    return matrix, query_times, reference_times


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.1, 1.25, 2.0])
def test_offset_and_speed_are_found(speed: float) -> None:
    found = align(*made(60, 600, offset_s=100, speed=speed, views=6), VISUAL)
    assert found is not None
    assert found.speed == pytest.approx(speed, rel=0.04)
    assert list(found.query) == pytest.approx([0, 59], abs=2)
    assert found.reference == pytest.approx((100, 100 + 59 * speed), abs=3)
    assert found.score > 0.65


def test_an_excerpt_inside_another_video_is_found_where_it_is() -> None:
    found = align(*made(60, 600, offset_s=100, copied=range(20, 28)), VISUAL)
    assert found is not None
    assert found.query == (20.0, 27.0)
    assert found.reference == pytest.approx((120, 127), abs=0.6)
    assert found.score > 0.65


def test_a_short_reference_inside_a_long_post_is_found() -> None:
    found = align(*made(60, 8, offset_s=-30), VISUAL)
    assert found is not None
    assert found.query == pytest.approx((30, 37), abs=1)
    assert found.score > 0.65


def test_one_chance_hit_in_a_long_video_scores_low() -> None:
    found = align(*made(60, 600, offset_s=100, copied=range(30, 31)), VISUAL)
    assert found is not None
    assert found.score < 0.3
    assert found.n_pairs == 1


def test_chance_hits_all_over_score_low() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(0.05, 0.08, (60, 600)).astype(np.float32)
    matrix[random.integers(0, 60, 30), random.integers(0, 600, 30)] = 0.6
    found = align(matrix, np.arange(60.0), np.arange(600.0), VISUAL)
    assert found is not None
    assert found.score < 0.45


def test_a_still_query_that_meets_one_frame_scores_low() -> None:
    matrix = np.zeros((60, 600), dtype=np.float32)
    matrix[:, 300] = 0.8
    found = align(matrix, np.arange(60.0), np.arange(600.0), VISUAL)
    assert found is not None
    assert found.score < 0.3


def test_an_image_scores_by_its_similarity_alone() -> None:
    image = align(np.array([[0.8]], dtype=np.float32), np.zeros(1), np.zeros(1), VISUAL)
    assert image is not None
    assert image.score == pytest.approx(0.8)
    assert image.query == image.reference == (0.0, 0.0)
    assert image.speed == 1.0


def test_a_frame_of_a_reference_posted_as_an_image_is_found() -> None:
    matrix, query_times, reference_times = made(1, 600, offset_s=200, views=9)
    found = align(matrix, query_times, reference_times, VISUAL)
    assert found is not None
    assert found.score > 0.65
    assert found.reference[0] == pytest.approx(200, abs=0.5)


def test_weak_agreement_counts_in_part() -> None:
    weak = align(*made(60, 600, offset_s=100, copied=range(20, 23), similarity=0.42), VISUAL)
    strong = align(*made(60, 600, offset_s=100, copied=range(20, 23), similarity=0.62), VISUAL)
    assert weak is not None
    assert strong is not None
    assert weak.score < 0.5 * strong.score


def test_nothing_similar_aligns_with_nothing() -> None:
    assert align(np.zeros((4, 5), dtype=np.float32), np.arange(4.0), np.arange(5.0), VISUAL) is None


@pytest.mark.parametrize(("n_query", "n_reference"), [(0, 5), (5, 0), (0, 0)])
def test_an_empty_side_aligns_with_nothing(n_query: int, n_reference: int) -> None:
    matrix = np.zeros((n_query, n_reference), dtype=np.float32)
    assert align(matrix, np.arange(float(n_query)), np.arange(float(n_reference)), VISUAL) is None


def test_rows_may_come_in_any_order() -> None:
    matrix, query_times, reference_times = made(30, 90, offset_s=40, views=3)
    order = np.random.default_rng(1).permutation(len(query_times))
    back = np.arange(len(reference_times))[::-1]
    shuffled = align(matrix[order][:, back], query_times[order], reference_times[back], VISUAL)
    assert shuffled == align(matrix, query_times, reference_times, VISUAL)


def test_a_run_of_sounds_needs_seconds_to_count() -> None:
    matrix = np.zeros((240, 960), dtype=np.float32)
    times, reference_times = np.arange(0.0, 60.0, 0.25), np.arange(0.0, 240.0, 0.25)
    for index in range(100, 104):
        matrix[index, index + 200] = 0.6
    short = align(matrix, times, reference_times, AUDIO)
    for index in range(100, 140):
        matrix[index, index + 200] = 0.6
    long = align(matrix, times, reference_times, AUDIO)
    assert short is not None
    assert long is not None
    assert short.score < 0.2
    assert long.score > 0.5
    assert long.reference[0] - long.query[0] == pytest.approx(50, abs=0.3)


@pytest.mark.parametrize("alike", [0.0, 0.9], ids=["usual", "still scenes"])
def test_a_minute_against_ten_is_quick(alike: float) -> None:
    matrix, query_times, reference_times = made(60, 600, offset_s=100, views=6)
    matrix = np.maximum(matrix, np.float32(alike))
    align(matrix, query_times, reference_times, VISUAL)
    start = time.process_time()
    align(matrix, query_times, reference_times, VISUAL)
    assert time.process_time() - start < 0.25  # a few ms on a quiet machine


def test_scores_stay_between_zero_and_one() -> None:
    random = np.random.default_rng(5)
    parameters = AlignmentParameters(floor=-0.5, sure=0.2, tolerance_s=1.0, min_pairs=2)
    for _ in range(50):
        shape = tuple(random.integers(1, 30, 2))
        matrix = random.uniform(-1, 1.001, shape).astype(np.float32)
        found = align(matrix, np.sort(random.uniform(0, 60, shape[0])), np.arange(float(shape[1])), parameters)
        assert found is None or 0.0 <= found.score <= 1.0
