from itertools import combinations, islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from streams.evaluation.clips import FPS, RATE_HZ, Picture, read_clip
from streams.evaluation.rooms.background import HEIGHT, WIDTH
from streams.evaluation.rooms.recording import Recording, make_recording, record, room

SECONDS = 3.0
WIDTH_OF_STRETCH = 4000
"""Samples of half a second at 8 kHz."""

type Samples = npt.NDArray[np.float64]


def pictures(seed: int, number: int, every: int = 12) -> list[Picture]:
    """Return every twelfth picture of a recording."""
    return list(islice(record(room(seed), seed, number, SECONDS).pictures, 0, None, every))


def still(shown: list[Picture]) -> npt.NDArray[np.float64]:
    """Return what does not move, at unit light."""
    middle = np.median(np.array(shown), axis=0).astype(np.float64)
    return np.asarray(middle / middle.mean())


@pytest.mark.parametrize("seed", [1, 2])
def test_recordings_of_a_room_share_the_room_and_nothing_that_moves(seed: int) -> None:
    one, other, elsewhere = pictures(seed, 0), pictures(seed, 1), pictures(seed + 10, 0)
    same = np.corrcoef(still(one).ravel(), still(other).ravel())[0, 1]
    different = np.corrcoef(still(one).ravel(), still(elsewhere).ravel())[0, 1]
    assert same > 0.6  # whoever stays is still too
    assert same > different + 0.2
    assert not any(np.array_equal(first, second) for first, second in zip(one, other, strict=True))


def test_a_recording_depends_on_its_seeds_alone() -> None:
    assert all(np.array_equal(one, other) for one, other in zip(pictures(3, 1), pictures(3, 1), strict=True))
    one, again = (record(room(3), 3, 1, SECONDS).pcm for _ in range(2))
    assert np.array_equal(one, again)
    assert one.size == SECONDS * RATE_HZ


def test_people_move_before_a_still_camera() -> None:
    clip = record(room(5), 5, 0, 6.0)
    shown = np.array(list(islice(clip.pictures, 0, None, FPS))).astype(float)
    moved = np.abs(np.diff(shown.mean(axis=3), axis=0)) > 40
    assert moved.any()
    assert moved.mean() < 0.2


def test_a_recording_is_written_with_a_photograph_as_its_room(tmp_path: Path) -> None:
    photograph = tmp_path / "photograph.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)).save(photograph)
    target = make_recording(Recording(4, 0, 1.0, tmp_path / "room.mp4", (photograph,)))
    clip = read_clip(target)
    assert next(clip.pictures).shape == (HEIGHT, WIDTH, 3)
    assert clip.pcm.any()


def likeness(one: Samples, other: Samples) -> float:
    """Return the largest correlation of any half second of a sound with any of another."""
    size = 1 << (other.size + WIDTH_OF_STRETCH).bit_length()
    spectrum, total = np.fft.rfft(other, size), np.cumsum(np.r_[0.0, other**2])
    energy = np.sqrt(total[WIDTH_OF_STRETCH:] - total[:-WIDTH_OF_STRETCH])
    most = 0.0
    for start in range(0, one.size - WIDTH_OF_STRETCH, WIDTH_OF_STRETCH // 2):
        stretch = one[start : start + WIDTH_OF_STRETCH]
        products = np.fft.irfft(np.conj(np.fft.rfft(stretch, size)) * spectrum, size)[: energy.size]
        most = max(most, float((products / (np.linalg.norm(stretch) * energy)).max()))
    return most


def sound(seed: int, number: int) -> Samples:
    """Return the sound of a recording at 8 kHz."""
    pcm = record(room(seed), seed, number, 8.0).pcm.astype(np.float64)
    return np.asarray(pcm.reshape(-1, RATE_HZ // 8000).mean(axis=1))


@pytest.mark.parametrize("seed", [2, 7])
def test_no_two_recordings_of_a_room_share_a_stretch_of_sound(seed: int) -> None:
    sounds = [sound(seed, number) for number in range(4)]
    assert max(likeness(one, other) for one, other in combinations(sounds, 2)) < 0.5
    noise = np.random.default_rng(1).normal(0, 0.5 * sounds[0].std(), sounds[0].size)
    assert likeness(sounds[0] + noise, sounds[0]) > 0.8  # as a copy does


def test_recordings_of_a_room_share_the_spectrum_of_its_tone() -> None:
    def tone(seed: int, number: int) -> Samples:
        """Return the level of 20 bands from 100 to 4,000 Hz between steps."""
        power = np.abs(np.fft.rfft(sound(seed, number).reshape(-1, 800))) ** 2
        edges = np.geomspace(10, 400, 21).astype(int)
        bands = [power[:, low:high].mean(axis=1) for low, high in pairwise(edges)]
        return np.log(np.percentile(bands, 20, axis=1))

    here, again, elsewhere = tone(7, 0), tone(7, 1), tone(8, 0)
    assert (here - again).std() < 0.5 * (here - elsewhere).std()
