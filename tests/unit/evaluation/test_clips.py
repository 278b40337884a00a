from pathlib import Path

import numpy as np
import pytest

from streams.evaluation.clips import FPS, RATE_HZ, Clip, Encoding, Picture, read_clip, write_clip


def numbered(n: int) -> list[Picture]:
    """Return pictures whose brightness encodes their index."""
    return [np.full((32, 48, 3), 20 + index * 2, np.uint8) for index in range(n)]


def write(path: Path, n_pictures: int, seconds_of_sound: float) -> Path:
    pcm = np.random.default_rng(1).integers(-9000, 9000, int(seconds_of_sound * RATE_HZ), np.int16)
    write_clip(Clip(iter(numbered(n_pictures)), pcm), path, Encoding())
    return path


def test_a_written_clip_is_read_back(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "clip.mp4", 2 * FPS, 2.0))
    pictures = list(clip.pictures)
    assert len(pictures) == 2 * FPS
    assert clip.pcm.size == pytest.approx(2 * RATE_HZ, abs=2048)
    assert [round(float(p.mean())) for p in pictures] == pytest.approx([20 + i * 2 for i in range(2 * FPS)], abs=3)


def test_a_stretch_has_the_requested_start_and_end(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "clip.mp4", 4 * FPS, 4.0), 1.0, 3.0)
    pictures = list(clip.pictures)
    assert len(pictures) == 2 * FPS
    assert float(pictures[0].mean()) == pytest.approx(20 + 2 * FPS, abs=3)
    assert clip.pcm.size == 2 * RATE_HZ


def test_sound_longer_than_the_pictures_is_kept(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "clip.mp4", FPS, 3.0))
    assert clip.pcm.size == pytest.approx(3 * RATE_HZ, abs=2048)


def test_a_still_needs_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="picture"):
        write_clip(Clip(iter(()), np.zeros(9, np.int16)), tmp_path / "still.jpg", Encoding())


def test_odd_sizes_are_cropped_by_one_pixel(tmp_path: Path) -> None:
    odd = Clip(iter([np.zeros((33, 49, 3), np.uint8)]), np.zeros(0, np.int16))
    write_clip(odd, tmp_path / "odd.mp4", Encoding())
    assert next(read_clip(tmp_path / "odd.mp4").pictures).shape == (32, 48, 3)
