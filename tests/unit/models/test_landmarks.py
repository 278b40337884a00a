"""Landmarks of sounds: a copy shares them, other words of one voice do not."""

from collections.abc import Callable

import numpy as np
import pytest

from models.landmarks.compare import LONGEST_S, Agreement, Line, agreement, stretches
from models.landmarks.evidence import agreements, weighed
from models.landmarks.peaks import MOST, PITCHES, STEPS, peaks
from models.landmarks.rows import NO_PEAKS, is_comparable, joined, pack_peaks, unpack_peaks
from schemas.matrix import pack
from tests.unit.models.made import RATE_HZ, melody
from tests.unit.models.voices import Sound, voice

WHOLE = Line(0.0, 12.0, 1.0, 0.0)
BY_CHANCE, SURELY = 12.0, 24.0


def nats(query: Sound, reference: Sound, line: Line = WHOLE) -> float:
    return agreement(peaks(query), peaks(reference), line).nats


def quieter(sound: Sound) -> Sound:
    return (sound * 0.05).astype(np.int16)


def under_noise(sound: Sound) -> Sound:
    return (sound * 0.5 + np.random.default_rng(7).normal(0, 1000, len(sound))).astype(np.int16)


def under_music(sound: Sound) -> Sound:
    return (sound * 0.5 + melody(5, 12.0) * 0.3).astype(np.int16)


def off_a_telephone(sound: Sound) -> Sound:
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    spectrum[(hertz < 350) | (hertz > 3000)] = 0.0
    return np.fft.irfft(spectrum, len(sound)).astype(np.int16)


@pytest.mark.parametrize("edit", [quieter, under_noise, under_music, off_a_telephone])
def test_a_copy_shares_the_landmarks_of_its_original(edit: Callable[[Sound], Sound]) -> None:
    original = voice(1, 1)
    assert nats(edit(original), original) > SURELY


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_a_copy_at_another_speed_and_pitch_does_too(speed: float) -> None:
    original = voice(1, 1)
    at = np.arange(0, len(original) - 1, speed)
    copy = np.interp(at, np.arange(len(original)), original).astype(np.int16)
    assert nats(copy, original, Line(0.0, 12.0 / speed, speed, 0.0)) > SURELY


def test_a_line_may_be_wrong_by_half_a_second_and_two_per_cent() -> None:
    original = voice(1, 1)
    assert nats(original, original, Line(0.0, 12.0, 1.02, -0.5)) > SURELY


@pytest.mark.parametrize("words", range(2, 8))
def test_other_words_of_one_voice_share_none(words: int) -> None:
    assert nats(voice(1, words), voice(1, 1)) < BY_CHANCE


def test_a_hum_that_two_recordings_share_is_no_evidence() -> None:
    hum = 3000 * np.sin(2 * np.pi * 400 * np.arange(12 * RATE_HZ) / RATE_HZ)
    one, other = ((voice(speaker, 1) * 0.3 + hum).astype(np.int16) for speaker in (1, 2))
    assert nats(one, other) < BY_CHANCE


def test_silence_and_a_sound_shorter_than_a_spectrum_have_no_landmarks() -> None:
    assert len(peaks(np.zeros(RATE_HZ, np.int16))) == len(peaks(melody(1)[:1000])) == 0
    assert agreement(NO_PEAKS, peaks(melody(1)), WHOLE) == agreement(peaks(melody(1)), NO_PEAKS, WHOLE) == (0.0, 0)


def test_landmarks_are_in_order_and_few_in_each_second() -> None:
    found = peaks(np.random.default_rng(1).normal(0, 3000, 20 * RATE_HZ).astype(np.int16))
    assert (np.diff(found[:, 0]) >= 0).all()
    assert found[:, 1].max() < PITCHES
    assert np.bincount(found[:, 0] // STEPS).max() <= MOST


def test_landmarks_are_unpacked_at_the_time_of_their_piece() -> None:
    found = peaks(melody(1))
    there = unpack_peaks(pack_peaks(found), 60.0)
    assert (there - [60 * STEPS, 0]).tolist() == found.tolist()
    both = joined([found[found[:, 0] < STEPS], there])
    assert both[:, 0].max() == there[:, 0].max()


def test_what_is_no_landmark_in_a_matrix_is_left_out() -> None:
    rows = pack_peaks(peaks(melody(1)))
    assert not is_comparable(pack(np.zeros((1, 4), np.float32), "int8"))
    assert len(unpack_peaks(pack(np.ones((3, rows.columns), np.float32), "int8"))) == 0


def test_a_long_line_is_compared_in_parts() -> None:
    parts = list(stretches(Line(5.0, 35.0, 1.1, 2.0)))
    assert [part.start_s for part in parts] == [5.0, 15.0, 25.0]
    assert all(part.end_s - part.start_s <= LONGEST_S for part in parts)
    assert {(part.speed, part.offset_s) for part in parts} == {(1.1, 2.0)}


def test_a_long_copy_whose_speed_is_not_quite_that_of_the_line_agrees_in_its_parts() -> None:
    original = melody(3, 60.0)
    found = [agreement(peaks(original), peaks(original), part) for part in stretches(Line(0.0, 60.0, 1.01, -0.3))]
    assert min(each.nats for each in found) > SURELY


def test_of_a_certain_copy_the_first_stretch_is_enough_and_of_others_the_first_six() -> None:
    original = peaks(melody(3, 90.0))
    assert len(agreements(original, original, [Line(0.0, 90.0, 1.0, 0.0)])) == 1
    assert len(agreements(peaks(melody(4, 90.0)), original, [Line(0.0, 90.0, 1.0, 0.0)])) == 6


def test_landmarks_that_agree_add_evidence_and_their_absence_takes_it_away() -> None:
    assert weighed(10.0, [Agreement(44.0, 200)]) == pytest.approx(30.0)
    assert weighed(10.0, [Agreement(5.0, 200)]) == pytest.approx(2.0)
    assert weighed(10.0, [Agreement(500.0, 200)] * 3) == weighed(10.0, [Agreement(84.0, 200)]) == pytest.approx(70.0)


def test_between_chance_and_a_copy_and_with_few_landmarks_the_evidence_stays() -> None:
    assert weighed(10.0, [Agreement(20.0, 200)]) == pytest.approx(10.0)
    assert weighed(10.0, [Agreement(0.0, 0)]) == pytest.approx(10.0)
    assert 2.0 < weighed(10.0, [Agreement(0.0, 40)]) < 10.0
    assert weighed(10.0, [Agreement(0.0, 200), Agreement(25.0, 200)]) == pytest.approx(11.0)
