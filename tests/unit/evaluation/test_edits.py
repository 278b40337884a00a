from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from streams.evaluation.clips import (
    FPS,
    RATE_HZ,
    SAMPLES_PER_PICTURE,
    Clip,
    Encoding,
    Pcm,
    Picture,
    write_clip,
)
from streams.evaluation.edits import EDITS, make_copy
from streams.evaluation.edits.catalogue import make_edited
from streams.evaluation.edits.sounds import apply_filters

SECONDS = 8
HEIGHT, WIDTH = 90, 160
RNG = np.random.default_rng(7)
PATTERNS = RNG.integers(0, 255, (2, 9, 16, 3), np.uint8).repeat(10, axis=1).repeat(10, axis=2)


def a_clip(which: int, seconds: float = SECONDS) -> Clip:
    """Return a clip of a darkening pattern and a tone."""
    n = int(seconds * FPS)
    fading = (np.asarray(PATTERNS[which] * (1 - 0.5 * index / n), np.uint8) for index in range(n))
    times_s = np.arange(n * SAMPLES_PER_PICTURE) / RATE_HZ
    return Clip(fading, (9000 * np.sin(2 * np.pi * (440, 1000)[which] * times_s)).astype(np.int16))


@cache
def edited(name: str, seed: int = 1) -> tuple[list[Picture], Pcm]:
    """Return the copy that an edit makes, cached for all tests."""
    return make_again(name, seed)


def make_again(name: str, seed: int = 1) -> tuple[list[Picture], Pcm]:
    made = EDITS[name].change(a_clip(0), a_clip(1), np.random.default_rng(seed))
    return list(made.pictures), made.pcm


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two clips as files."""
    files = tuple(tmp_path_factory.mktemp("clips") / f"{which}.mp4" for which in range(2))
    for which, file in enumerate(files):
        write_clip(a_clip(which), file, Encoding())
    return files[0], files[1]


def strongest_hz(pcm: Pcm) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm))) * RATE_HZ / pcm.size)


def correlation(one: Picture, other: Picture) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


_ANOTHER_SOUND = {
    "excerpt_inside_another",
    "music_over",
    "speech_over",
    "pitched_up",
    "pitched_down",
    "speed_and_pitch",
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_with_the_same_seed_makes_the_same_copy(name: str) -> None:
    pictures, pcm = edited(name)
    again, pcm_again = make_again(name)
    assert all(np.array_equal(one, other) for one, other in zip(pictures, again, strict=True))
    assert np.array_equal(pcm, pcm_again)


@pytest.mark.parametrize("name", EDITS)
def test_pictures_and_sound_of_a_copy_last_equally_long(name: str) -> None:
    pictures, pcm = edited(name)
    if len(pictures) > 1 and pcm.size:
        assert len(pictures) / FPS == pytest.approx(pcm.size / RATE_HZ, abs=0.1)


@pytest.mark.parametrize("name", EDITS)
def test_a_copy_has_sound_exactly_if_its_edit_keeps_it(name: str) -> None:
    _, pcm = edited(name)
    if "audio" not in EDITS[name].keeps:
        assert pcm.size == 0
    elif name not in _ANOTHER_SOUND:
        assert strongest_hz(pcm) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("name", EDITS)
def test_a_copy_can_be_written_and_read_back(name: str, clips: tuple[Path, Path], tmp_path: Path) -> None:
    edit, (source, other) = EDITS[name], clips
    target = tmp_path / f"copy{edit.suffix}"
    make_copy(edit, source, target, other=other, seed=3)
    with av.open(target) as container:
        assert bool(container.streams.video) == (name != "sound_file")
        assert bool(container.streams.audio) == ("audio" in edit.keeps)


def test_a_mirrored_copy_mirrored_again_is_the_source() -> None:
    pictures, _ = edited("mirrored")
    assert np.array_equal(pictures[0][:, ::-1], PATTERNS[0])


def test_a_cropped_copy_shows_seventy_per_cent_at_full_size_and_its_place_depends_on_the_seed() -> None:
    one, other = edited("cropped", seed=1)[0][0], edited("cropped", seed=2)[0][0]
    assert one.shape == other.shape == (HEIGHT, WIDTH, 3)
    assert not np.array_equal(one, other)


def test_a_sped_up_copy_is_shorter_and_shows_the_same_end() -> None:
    pictures, pcm = edited("sped_up")
    assert len(pictures) == pytest.approx(SECONDS * FPS / 1.25, abs=1)
    assert pcm.size == pytest.approx(SECONDS * RATE_HZ / 1.25, rel=0.02)
    assert pictures[-1].mean() == pytest.approx(PATTERNS[0].mean() / 2, rel=0.02)


def test_picture_in_picture_puts_the_copy_over_a_quarter_of_the_other_video() -> None:
    picture = edited("picture_in_picture")[0][0]
    inside = picture[HEIGHT // 2 - 8 : -8, WIDTH // 2 - 8 : -8]
    assert correlation(inside, PATTERNS[0][::2, ::2]) > 0.8
    assert np.array_equal(picture[: HEIGHT // 3], PATTERNS[1][: HEIGHT // 3])


def test_an_excerpt_lies_in_the_middle_of_the_other_video_with_its_sound() -> None:
    pictures, pcm = edited("excerpt_inside_another")
    shown = ["copy" if correlation(p, PATTERNS[0]) > correlation(p, PATTERNS[1]) else "other" for p in pictures]
    assert len(shown) == SECONDS * FPS
    assert shown.count("copy") == 6 * FPS
    assert (shown[0], shown[len(shown) // 2], shown[-1]) == ("other", "copy", "other")
    assert strongest_hz(pcm[:RATE_HZ]) == pytest.approx(1000, abs=5)
    assert strongest_hz(pcm[4 * RATE_HZ : 5 * RATE_HZ]) == pytest.approx(440, abs=5)


def test_a_sound_only_copy_shows_the_other_video() -> None:
    assert np.array_equal(edited("sound_only")[0][0], PATTERNS[1])


def test_a_captioned_copy_differs_only_in_its_band() -> None:
    picture = edited("captioned")[0][0]
    assert np.array_equal(picture[: int(HEIGHT * 0.7)], PATTERNS[0][: int(HEIGHT * 0.7)])
    assert not np.array_equal(picture, PATTERNS[0])


def test_a_letterboxed_copy_is_upright_with_black_bars() -> None:
    picture = edited("letterboxed")[0][0]
    assert picture.shape[0] * 9 // 16 == picture.shape[1]
    assert not picture[0].any()
    assert not picture[-1].any()
    assert picture[picture.shape[0] // 2].any()


def test_a_clip_without_sound_can_be_edited(clips: tuple[Path, Path], tmp_path: Path) -> None:
    silent = Clip(a_clip(0, 4).pictures, np.zeros(0, np.int16))
    write_clip(silent, tmp_path / "silent.mp4", Encoding())
    for name, edit in EDITS.items():
        if "visual" in edit.keeps:
            target = tmp_path / f"{name}{edit.suffix}"
            make_copy(edit, tmp_path / "silent.mp4", target, other=clips[1])
            assert target.stat().st_size > 0


@pytest.mark.parametrize(("name", "semitones"), [("pitched_up", 2), ("pitched_down", -2)])
def test_a_pitched_copy_is_two_semitones_away_with_the_same_duration(name: str, semitones: int) -> None:
    _, pcm = edited(name)
    assert pcm.size == SECONDS * RATE_HZ
    assert strongest_hz(pcm) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)


def test_speed_and_pitch_change_together() -> None:
    pictures, pcm = edited("speed_and_pitch")
    speed = SECONDS * FPS / len(pictures)
    assert 0.04 < abs(speed - 1) < 0.13
    assert strongest_hz(pcm) == pytest.approx(440 * speed, rel=0.01)


@pytest.mark.parametrize("name", ["noise_over", "music_over", "speech_over"])
def test_an_overlay_is_as_loud_as_the_sound(name: str) -> None:
    _, pcm = edited(name)
    at_440 = apply_filters(pcm, [("bandpass", "f=440:w=20")])[RATE_HZ:-RATE_HZ].astype(float)
    clip = 0.6 * a_clip(0).pcm.astype(float)
    assert np.std(at_440) == pytest.approx(np.std(clip), rel=0.05)
    assert np.std(pcm.astype(float)) == pytest.approx(np.sqrt(2) * np.std(clip), rel=0.1)


def test_an_inset_copy_is_a_quarter_to_three_fifths_wide() -> None:
    for seed in range(5):
        changed = (edited("inset", seed)[0][0] != PATTERNS[1]).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert 0.2 < (columns[-1] - columns[0]) / WIDTH < 0.61
        assert 0.2 < (rows[-1] - rows[0]) / HEIGHT < 0.61


def test_a_reordered_copy_keeps_all_parts() -> None:
    pictures, _ = edited("reordered")
    brightness = [float(picture.mean()) for picture in pictures]
    assert brightness[0] < brightness[-1]  # the clip darkens
    assert len(set(brightness)) == pytest.approx(SECONDS * FPS, abs=2)


def test_a_second_edit_moves_the_interval_of_the_copy(tmp_path: Path) -> None:
    source, other, target = tmp_path / "source.mp4", tmp_path / "other.mp4", tmp_path / "copy.mp4"
    write_clip(a_clip(0), source, Encoding())
    write_clip(a_clip(1), other, Encoding())
    edits = [(EDITS["excerpt_inside_another"], other), (EDITS["sped_up"], None)]
    assert make_edited(edits, source, target, Encoding(), seed=1) == pytest.approx((1 / 1.25, 7 / 1.25), abs=0.1)
    assert make_edited([(EDITS["unchanged"], None)], source, target, Encoding(), 1) == pytest.approx((0, 8), abs=0.1)


def test_a_fixed_gop_has_no_key_frame_at_a_cut(tmp_path: Path) -> None:
    def key_frames(encoding: Encoding) -> list[float]:
        first, second = ([pattern] * 2 * FPS for pattern in PATTERNS)
        write_clip(Clip(iter([*first, *second]), np.zeros(0, np.int16)), tmp_path / "cut.mp4", encoding)
        with av.open(tmp_path / "cut.mp4") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            return sorted(float((packet.pts or 0) * packet.time_base) for packet in packets if packet.is_keyframe)

    assert key_frames(Encoding()) == [0.0, 2.0]
    assert key_frames(Encoding(gop=72)) == [0.0, 3.0]
