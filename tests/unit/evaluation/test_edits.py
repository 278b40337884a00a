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
    "inside_another_5",
    "inside_another_3",
}
_NOT_FOUND_BY_ITS_SOUND = {"reversed"}


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
    if "audio" not in EDITS[name].keeps and name not in _NOT_FOUND_BY_ITS_SOUND:
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
        assert bool(container.streams.audio) == ("audio" in edit.keeps or name in _NOT_FOUND_BY_ITS_SOUND)


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


def test_a_reversed_copy_begins_with_the_end_in_pictures_and_sound() -> None:
    pictures, pcm = edited("reversed")
    source = list(a_clip(0).pictures)
    assert len(pictures) == len(source)
    assert all(np.array_equal(one, other) for one, other in zip(pictures, reversed(source), strict=True))
    assert np.array_equal(pcm, a_clip(0).pcm[::-1])


def test_a_shuffled_copy_keeps_every_picture_of_the_first_20_s_beside_its_own_sound() -> None:
    made = EDITS["shuffled"].change(a_clip(0, 25), a_clip(1), np.random.default_rng(1))
    pictures, source = list(made.pictures), list(a_clip(0, 25).pictures)
    assert len(pictures) == 20 * FPS
    assert made.pcm.size == 20 * RATE_HZ
    brightness = [float(picture.mean()) for picture in pictures]
    assert sorted(brightness, reverse=True) == [float(picture.mean()) for picture in source[: 20 * FPS]]
    assert brightness != sorted(brightness, reverse=True)


@pytest.mark.parametrize(("name", "seconds"), [("excerpt", 5), ("excerpt_3", 3)])
def test_an_excerpt_lasts_its_seconds(name: str, seconds: int) -> None:
    pictures, pcm = edited(name)
    assert (len(pictures), pcm.size) == (seconds * FPS, seconds * RATE_HZ)


def test_a_reaction_shows_the_copy_at_two_fifths_of_the_width_right_of_the_other_video() -> None:
    picture = edited("reaction")[0][0]
    small = PATTERNS[0][np.arange(36) * HEIGHT // 36][:, np.arange(64) * WIDTH // 64]
    inside = [correlation(picture[top : top + 36, -64:], small) for top in range(HEIGHT - 36)]
    assert max(inside) > 0.9
    assert correlation(picture[:, : WIDTH // 2], PATTERNS[1][:, 34 : 34 + WIDTH // 2]) > 0.9


def test_two_fifths_of_a_covered_copy_differ() -> None:
    for seed in range(4):
        changed = (edited("covered_40", seed)[0][0] != PATTERNS[0]).any(axis=2).mean()
        assert changed == pytest.approx(0.4, abs=0.03)


def test_an_upright_copy_off_centre_is_not_the_middle() -> None:
    middle = edited("upright_cropped")[0][0]
    for seed in range(4):
        cut = edited("upright_off_centre", seed)[0][0]
        assert cut.shape == middle.shape
        assert not np.array_equal(cut, middle)


def test_a_slow_zoom_begins_with_the_whole_picture_and_ends_with_a_part() -> None:
    pictures, _ = edited("slow_zoom")
    assert np.array_equal(pictures[0], PATTERNS[0])
    assert correlation(pictures[-1], PATTERNS[0]) < 0.9
    assert pictures[-1].shape == PATTERNS[0].shape


def test_night_vision_has_one_colour_and_dark_a_third_of_the_light() -> None:
    night = edited("night_vision")[0][0].astype(float)
    assert night[..., 1].mean() > 2 * max(night[..., 0].mean(), night[..., 2].mean())
    assert edited("dark")[0][0].mean() == pytest.approx(PATTERNS[0].mean() / 3, rel=0.05)


def test_a_loudspeaker_leaves_the_band_of_a_phone() -> None:
    noise = np.random.default_rng(3).normal(0, 4000, 2 * RATE_HZ).astype(np.int16)
    made = EDITS["loudspeaker"].change(Clip(iter(()), noise), a_clip(1), np.random.default_rng(1))
    power = np.abs(np.fft.rfft(made.pcm)) ** 2
    hertz = np.fft.rfftfreq(made.pcm.size, 1 / RATE_HZ)
    inside = (hertz > 300) & (hertz < 5000)
    assert power[inside].sum() > 0.8 * power.sum()
    assert made.pcm.size == noise.size


def test_a_still_is_one_picture_at_its_own_place_and_size() -> None:
    whole, other = edited("still", 1)[0], edited("still", 2)[0]
    assert len(whole) == 1
    assert float(whole[0].mean()) != float(other[0].mean())
    assert edited("still_320")[0][0].shape[:2] == (180, 320)
    assert correlation(edited("still_mirrored")[0][0][:, ::-1], PATTERNS[0]) > 0.99


def test_a_filmed_screen_flickers() -> None:
    still = Clip((PATTERNS[0] for _ in range(2 * FPS)), a_clip(0, 2).pcm)
    made = list(EDITS["filmed"].change(still, a_clip(1), np.random.default_rng(1)).pictures)
    upper = [float(picture[: HEIGHT // 4].mean()) for picture in made]
    assert np.ptp(upper) > 0.02 * np.mean(upper)


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
            with av.open(target) as container:
                made_s = (container.duration or 0) / av.time_base
                if edit.other is None:
                    assert not container.streams.audio
            assert edit.suffix == ".jpg" or made_s > 2


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
