"""Recordings of a fixed camera: the room is one thing, the recording another."""

import numpy as np
import numpy.typing as npt
import pytest

from models import still_lines
from models.alignment_parameters import VISUAL
from models.still_alignment import align_still, align_stills
from models.still_lines import Recording, Rows, Times
from models.still_scene import References, is_still, recording

DIMENSIONS = 256


def room(rng: np.random.Generator) -> Rows:
    """Return the descriptor of an empty room."""
    return unit(rng.normal(size=DIMENSIONS))


def filmed(empty: Rows, n: int, rng: np.random.Generator, spread: float = 0.4) -> Rows:
    """Return the frames of one recording in this room, one a second: people walk through it."""
    walk = np.cumsum(rng.normal(size=(n, DIMENSIONS)), axis=0)
    return unit(empty + spread * unit(walk - walk.mean(axis=0)))


def unit(rows: npt.NDArray[np.floating]) -> Rows:
    lengths: npt.NDArray[np.floating] = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / lengths).astype(np.float32)


def edited(frames: Rows, rng: np.random.Generator) -> Rows:
    """Return the frames with a constant edit, which moves all alike, and the noise of another encoding."""
    return unit(frames + 0.5 * unit(rng.normal(size=DIMENSIONS)) + 0.15 * unit(rng.normal(size=frames.shape)))


def seconds(n: int, step_s: float = 1.0, start_s: float = 0.0) -> Times:
    return np.array([start_s + step_s * number for number in range(n)])


def aligned(query: Rows, query_s: Times, reference: Rows, reference_s: Times) -> float:
    """Return the score of the alignment, 0 without one."""
    found = align_still(query, query_s, reference, reference_s, query @ reference.T)
    return found.score if found else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_of_a_recording_is_distinguished_from_another_recording_of_the_same_room(seed: int) -> None:
    rng = np.random.default_rng(seed)
    empty = room(rng)
    mine, other = filmed(empty, 15, rng), filmed(empty, 15, rng)
    posted = edited(mine[2:14:2], rng)
    times = seconds(6, 2.0)

    same, another = recording(posted, times, mine, seconds(15)), recording(posted, times, other, seconds(15))

    assert posted.mean(axis=0) @ other.mean(axis=0) > 0.6, "likeness cannot distinguish them"
    assert same.speed == 1.0
    assert same.offset_s == pytest.approx(2.0, abs=0.3)
    assert same.nats > 5.0
    assert another.nats < 0.0


def test_a_recording_played_backwards_or_faster_is_found_on_its_line() -> None:
    rng = np.random.default_rng(1)
    mine = filmed(room(rng), 20, rng)

    faster = recording(edited(mine[::2], rng), seconds(10), mine, seconds(20))
    backwards = recording(edited(mine[::-1][::2], rng), seconds(10, 2.0), mine, seconds(20))

    assert (faster.speed, backwards.speed) == (2.0, -1.0)
    assert faster.offset_s == pytest.approx(0.0, abs=0.3)
    assert backwards.offset_s == pytest.approx(19.0, abs=0.3)
    assert min(faster.nats, backwards.nats) > 5.0


def test_one_frame_or_two_are_evidence_of_no_recording() -> None:
    rng = np.random.default_rng(2)
    mine = filmed(room(rng), 12, rng)

    assert recording(mine[:1], seconds(1), mine, seconds(12)) == Recording()
    assert recording(mine[:2], seconds(2), mine, seconds(12)) == Recording()


def test_many_frames_within_one_step_of_the_reference_count_once() -> None:
    rng = np.random.default_rng(3)
    mine = filmed(room(rng), 12, rng)

    assert recording(mine[[4] * 8], seconds(8, 0.05, 4.0), mine, seconds(12)) == Recording()


def test_the_room_alone_asks_and_the_recording_acts() -> None:
    rng = np.random.default_rng(4)
    empty = room(rng)
    mine, other = filmed(empty, 15, rng), filmed(empty, 15, rng)

    copy = aligned(edited(mine[:12:2], rng), seconds(6, 2.0), mine, seconds(15))
    still = aligned(mine[3:4], seconds(1), mine, seconds(15))
    another = aligned(edited(other[:12:2], rng), seconds(6, 2.0), mine, seconds(15))

    assert copy > 0.82, "acts under the shipped fusion"
    assert 0.73 < still < 0.80, "asks"
    assert another < still


def test_another_view_of_a_frame_does_not_hide_the_recording() -> None:
    """A reference's rows hold crops and turns of each frame; a post shows one of them."""
    rng = np.random.default_rng(5)
    views = np.stack([filmed(room(rng), 12, rng) for _ in range(3)], axis=1)
    posted = edited(views[:10:2, 2], rng)

    found = recording(posted, seconds(5, 2.0), views.reshape(-1, DIMENSIONS), np.repeat(seconds(12), 3))

    assert found.nats > 5.0
    assert found.offset_s == pytest.approx(0.0, abs=0.3)


def parted(frames: Rows, rng: np.random.Generator) -> Rows:
    """Return three views of each frame, the frame itself and two parts of it, shape (n, 3, DIMENSIONS)."""
    parts = 0.7 * unit(rng.normal(size=(1, 3, DIMENSIONS))) * np.array([0.0, 1.0, 1.0])[:, None]
    return unit(frames[:, None] + parts + 0.02 * rng.normal(size=(len(frames), 3, DIMENSIONS)))


@pytest.mark.parametrize("seed", range(5))
def test_a_second_look_that_describes_the_parts_of_some_frames_compares_one_view_of_all(seed: int) -> None:
    """A whole frame and a part of it differ more than two whole frames do, so mixed views would hide the recording."""
    rng = np.random.default_rng(seed)
    empty = room(rng)
    mine, other = (parted(filmed(empty, 12, rng), rng) for _ in range(2))
    posted = edited(mine, rng)
    posted[:, 0] = unit(posted[:, 0] + 0.5 * unit(rng.normal(size=DIMENSIONS)))  # a caption, which is in no part
    kept = np.arange(3) <= np.where(np.arange(12) % 4 == 0, 2, 0)[:, None]  # all views of one frame in four
    times_s = np.repeat(seconds(12), 3)

    same, another = (
        recording(posted[kept], times_s[kept.ravel()], each.reshape(-1, DIMENSIONS), times_s) for each in (mine, other)
    )

    assert same.n_times == 12
    assert same.offset_s == pytest.approx(0.0, abs=0.3)
    assert same.correlation > 0.8
    assert another.nats < 1.0


def test_of_several_times_near_one_of_the_reference_the_nearest_counts() -> None:
    """People walk on: half a second later they look different, and four frames of a second would hide them."""
    rng = np.random.default_rng(6)
    walked = 0.3 ** np.abs(np.subtract.outer(np.arange(60), np.arange(60))) @ rng.normal(size=(60, DIMENSIONS))
    mine = unit(room(rng) + 0.4 * unit(walked - walked.mean(axis=0)))

    found = recording(edited(mine, rng), seconds(60, 0.25), mine[::4], seconds(15))

    assert (found.n_times, found.speed) == (15, 1.0)
    assert found.correlation > 0.8


def test_three_times_that_vary_alike_ask_and_do_not_act() -> None:
    rng = np.random.default_rng(7)
    mine = filmed(room(rng), 15, rng)

    found = aligned(mine[::7], seconds(3, 7.0), mine, seconds(15))

    assert 0.78 < found < 0.82


def test_an_excerpt_inside_another_video_has_its_own_interval() -> None:
    rng = np.random.default_rng(6)
    mine = filmed(room(rng), 20, rng)
    around = unit(rng.normal(size=(20, DIMENSIONS)))
    posted = np.concatenate([around[:10], edited(mine[5:12], rng), around[10:]])

    found = align_still(posted, seconds(27), mine, seconds(20), posted @ mine.T)

    assert found is not None
    assert found.query == pytest.approx((9.5, 16.5))
    assert found.reference == pytest.approx((4.5, 11.5), abs=0.6)
    assert found.score > 0.82


def test_references_are_compared_together_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is computed in one step: recordings of several lengths in the query's room, and one of another room."""
    rng = np.random.default_rng(9)
    empty = room(rng)
    recorded = [filmed(empty, n, rng) for n in (15, 40, 2, 9)] + [filmed(room(rng), 12, rng)]
    references = References(recorded, [seconds(len(rows), 0.9) for rows in recorded])
    query, query_s = edited(recorded[1][5:25], rng), seconds(20)
    cosines = [query @ rows.T for rows in recorded]
    alone = [align_still(query, query_s, *one) for one in zip(*references, cosines, strict=True)]
    assert sum(one is not None for one in alone) >= 3

    for pairs in (1, 1_000, 1_000_000):
        monkeypatch.setattr(still_lines, "_STEP_PAIRS", pairs)
        together = np.concatenate(cosines, axis=1)
        assert align_stills(query, query_s, references, together, together) == alone


def test_chance_likeness_of_other_rooms_is_hardly_evidence() -> None:
    rng = np.random.default_rng(7)
    mine, other = filmed(room(rng), 15, rng), filmed(room(rng), 8, rng)

    assert aligned(other, seconds(8), mine, seconds(15)) < 0.3


def test_only_references_whose_frames_resemble_each_other_are_still() -> None:
    rng = np.random.default_rng(8)
    cuts = unit(rng.normal(size=(15, DIMENSIONS)))

    assert is_still(filmed(room(rng), 15, rng), seconds(15), 15.0)
    assert not is_still(cuts[:1], seconds(1), 0.0), "a picture"
    assert is_still(cuts[:1], seconds(1), 12.0), "one frame says all of a video"
    assert not is_still(cuts, seconds(15), 15.0)
    assert not is_still(np.zeros((0, DIMENSIONS), np.float32), np.zeros(0), 15.0)
    assert VISUAL.half == 8.0, "the scores above are of this scale"


def test_a_long_query_has_the_correlation_of_its_part_that_the_reference_shows() -> None:
    """The lines are computed only where the reference has a time; this computes all of one line."""
    rng = np.random.default_rng(3)
    reference, times_s = rng.normal(size=(8, 16)).astype(np.float32), np.arange(8.0)
    query, query_s = rng.normal(size=(30, 16)).astype(np.float32), np.arange(30.0)
    query[11:19] += 2 * reference
    found = recording(query, query_s, reference, times_s)
    own, other = (rows - rows.mean(axis=0) for rows in (query, reference))
    expected = (own[11:19] * other).sum() / np.sqrt((own[11:19] ** 2).sum() * (other**2).sum())
    assert (found.speed, found.n_times) == (1.0, 8)
    assert found.offset_s == pytest.approx(-11.0, abs=0.5)
    assert found.correlation == pytest.approx(expected, abs=1e-5)
