"""Motion tracks and their comparison on synthetic arrays."""

import numpy as np
import numpy.typing as npt
import pytest

from models.motion.compare import NOTHING, compare
from models.motion.normalise import without_jumps
from models.motion.rows import joined, pack_track, unpack_track
from models.motion.track import ACTIVITY, CHANGE, COLUMNS, HEIGHT, STEP_S, WIDTH, Grey, Track, track

FPS = 25


def walk(seconds: float, seed: int) -> npt.NDArray[np.float64]:
    """Return a smooth random path, centres in pixels of the grey frame at FPS, shape (n, 2)."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(13) / np.hanning(13).sum()
    steps = rng.standard_normal((round(seconds * FPS) + 12, 2)) * 1.2 * (rng.random((1, 2)) + 0.5)
    smooth = np.stack([np.convolve(column, kernel, "valid") for column in steps.T], axis=1)
    size = np.array([WIDTH, HEIGHT])
    path: npt.NDArray[np.float64] = np.abs((np.cumsum(smooth * 3, axis=0) + size / 2) % (2 * size) - size)
    return path


def filmed(path: npt.NDArray[np.float64], gain: float = 1.0, noise: float = 0.5, seed: int = 0) -> Grey:
    """Return grey frames of a bright disc on this path before a gradient, one for each row of the path."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(columns - path[:, 0, None, None], rows - path[:, 1, None, None])
    picture = 60 + columns + 90 * np.clip(6 - distance, 0, 1)
    noisy = gain * picture + noise * rng.standard_normal(picture.shape)
    grey: Grey = np.clip(noisy, 0, 255).astype(np.uint8)
    return grey


def tracked(grey: Grey, fps: float = FPS) -> Track:
    return track(grey, np.arange(len(grey)) / fps)


@pytest.fixture(scope="module")
def recording() -> Grey:
    return filmed(walk(20, 1))


@pytest.fixture(scope="module")
def reference(recording: Grey) -> Track:
    return tracked(recording)


def test_a_track_has_a_row_for_each_tenth_of_a_second(recording: Grey, reference: Track) -> None:
    assert reference.shape == (round(20 / STEP_S), COLUMNS)
    assert reference.dtype == np.float32
    assert track(recording[:0], np.zeros(0)).shape == (0, COLUMNS)
    assert tracked(recording[:1]).shape == (0, COLUMNS)


def test_a_track_does_not_depend_on_repeated_or_missing_frames(recording: Grey, reference: Track) -> None:
    times_s = np.arange(len(recording)) / FPS
    repeated = track(np.repeat(recording, 2, axis=0), np.arange(2 * len(recording)) / (2 * FPS))
    np.testing.assert_allclose(repeated, reference, atol=1e-3)
    still = np.concatenate([recording, np.repeat(recording[-1:], 50, axis=0)])
    shown = track(recording, times_s, start_s=0.0, end_s=22.0)  # the last frame is shown until the end
    np.testing.assert_allclose(shown, tracked(still), atol=1e-3)


@pytest.mark.parametrize(
    ("grey", "times_s"),
    [
        (np.zeros((3, 18, 32), np.uint8), np.arange(3.0)),
        (np.zeros((3, HEIGHT, WIDTH), np.uint8), np.arange(2.0)),
        (np.zeros((3, HEIGHT, WIDTH), np.uint8), np.array([0.0, 2.0, 1.0])),
        (np.zeros((3, HEIGHT, WIDTH), np.uint8), np.array([0.0, np.nan, 1.0])),
    ],
)
def test_frames_without_their_times_are_refused(grey: Grey, times_s: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="frames"):
        track(grey, times_s)


def test_a_copy_is_found_at_its_offset(recording: Grey, reference: Track) -> None:
    match = compare(tracked(recording[5 * FPS : 15 * FPS]), reference)
    assert match.nats > 5
    assert (match.speed, match.reversed) == (1.0, False)
    assert match.offset_s == pytest.approx(5.0, abs=0.05)


def test_brightness_and_noise_do_not_matter(reference: Track) -> None:
    assert compare(tracked(filmed(walk(20, 1), gain=0.4, noise=2.0, seed=7)), reference).nats > 5


def test_another_recording_of_the_same_room_is_evidence_against(reference: Track) -> None:
    nats = [compare(tracked(filmed(walk(20, seed))), reference).nats for seed in (2, 3, 4)]
    assert max(nats) < 1
    assert min(nats) < -1


def test_a_mirrored_copy_is_found(recording: Grey, reference: Track) -> None:
    match = compare(tracked(np.ascontiguousarray(recording[:, :, ::-1])), reference)
    assert match.nats > 5
    assert match.view == "mirrored"


def test_a_reversed_copy_is_found(recording: Grey, reference: Track) -> None:
    match = compare(tracked(recording[15 * FPS : 5 * FPS : -1]), reference)
    assert match.nats > 5
    assert match.reversed
    assert match.offset_s == pytest.approx(15.0, abs=0.1)


@pytest.mark.parametrize("speed", [0.8, 24 / 25, 1.25])
def test_a_copy_at_another_speed_is_found(recording: Grey, reference: Track, speed: float) -> None:
    match = compare(tracked(recording, FPS * speed), reference)
    assert match.nats > 5
    assert match.speed == pytest.approx(speed)


def test_an_excerpt_inside_another_recording_is_found(recording: Grey, reference: Track) -> None:
    around = filmed(walk(30, 9))
    query = np.concatenate([around[: 12 * FPS], recording[3 * FPS : 9 * FPS], around[12 * FPS :]])
    match = compare(tracked(query), reference)
    assert match.nats > 3
    assert match.offset_s == pytest.approx(3 - 12, abs=0.1)
    assert match.query == pytest.approx((12, 18), abs=2.0)


def lit(grey: Grey, at_s: float) -> Grey:
    """Return a recording in which a lamp is switched on."""
    gain = np.where(np.arange(len(grey)) < at_s * FPS, 0.5, 1.0)
    return (grey * gain[:, None, None]).astype(np.uint8)


def test_a_lamp_that_is_switched_is_no_evidence_of_a_copy(recording: Grey) -> None:
    reference, seeds = tracked(lit(recording, 8.3)), range(2, 8)
    nats = [compare(tracked(lit(filmed(walk(12, seed)), 5.0)), reference).nats for seed in seeds]
    assert max(nats) < 0
    assert compare(tracked(lit(recording, 8.3)[5 * FPS : 15 * FPS]), reference).nats > 5


def test_only_jumps_are_left_out(reference: Track, recording: Grey) -> None:
    assert without_jumps(reference) is reference
    switched = tracked(lit(recording, 8.4))
    assert np.flatnonzero((without_jumps(switched) != switched).any(axis=1)).tolist() == [84]
    from_the_first = np.concatenate([switched[84:85], reference[:5]])
    np.testing.assert_array_equal(without_jumps(from_the_first)[0], reference[0])
    assert without_jumps(reference[:0]).shape == (0, COLUMNS)


def test_what_moves_before_and_after_the_pictures_of_a_copy_is_no_evidence_against_it(reference: Track) -> None:
    other = tracked(filmed(walk(20, 2)))
    whole, part = compare(other, reference).nats, compare(other, reference, shown_s=(8.0, 10.0)).nats
    assert whole < part < 0
    assert part >= whole * 2 / 8
    assert compare(other, reference, shown_s=(30.0, 30.0)).nats == 0.0


def test_a_recording_in_which_little_moves_is_found_and_hardly_contradicted() -> None:
    path = walk(20, 1)
    path[: 10 * FPS], path[11 * FPS :] = path[10 * FPS], path[11 * FPS]
    for_a_second = tracked(filmed(path, noise=0.2))
    assert compare(tracked(filmed(path, gain=0.6, noise=0.2, seed=3)), for_a_second).nats > 0
    assert -1 < compare(tracked(filmed(walk(20, 2))), for_a_second).nats < 0


def test_a_still_picture_is_no_evidence(reference: Track) -> None:
    still = filmed(np.full((20 * FPS, 2), 20.0))
    assert compare(tracked(still), reference).nats == 0.0
    assert compare(reference, tracked(still)).nats == 0.0


def test_motion_that_repeats_is_no_evidence(reference: Track) -> None:
    angles = np.arange(40 * FPS) / FPS * 2 * np.pi * 0.7
    fan = np.stack([WIDTH / 2 + 20 * np.cos(angles), HEIGHT / 2 + 12 * np.sin(angles)], axis=1)
    first, second = tracked(filmed(fan[: 20 * FPS])), tracked(filmed(fan[20 * FPS :], seed=1))
    assert compare(first, second).nats < 2
    assert compare(first, reference).nats < 0


def test_too_short_an_overlap_is_no_evidence(recording: Grey, reference: Track) -> None:
    assert compare(tracked(recording[: 2 * FPS]), reference) == NOTHING
    assert compare(reference[:0], reference) == NOTHING


def test_a_matrix_of_other_columns_is_refused(reference: Track) -> None:
    with pytest.raises(ValueError, match="tracks of shapes"):
        compare(reference[:, :3], reference)


def test_rows_on_the_wire_return_the_track(reference: Track) -> None:
    matrix = pack_track(reference[:-3])
    assert matrix.rows == 20
    returned = unpack_track(matrix)
    np.testing.assert_allclose(returned[:, ACTIVITY], reference[:-3, ACTIVITY], atol=0.03)
    np.testing.assert_allclose(returned[:, CHANGE], reference[:-3, CHANGE], rtol=0.04, atol=0.01)
    with pytest.raises(ValueError, match="no motion track"):
        unpack_track(pack_track(reference).__class__(dtype="float16", rows=1, columns=4, data=bytes(8)))


def test_pieces_of_a_reference_are_joined_over_a_gap(reference: Track) -> None:
    whole = joined([(10.0, reference[:50]), (20.0, reference[100:])])
    assert len(whole) == 200
    np.testing.assert_array_equal(whole[100:], reference[100:])
    assert not whole[50:100, :].any() or np.ptp(whole[50:100], axis=0).max() == 0.0
