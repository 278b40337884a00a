"""Synthetic voices: syllables with formants on a pitch that moves, in pauses of a room's tone."""

import numpy as np
import numpy.typing as npt

from tests.unit.models.made import RATE_HZ

Sound = npt.NDArray[np.int16]


def voice(speaker: int, words: int, duration_s: float = 12.0) -> Sound:
    """Return some words of a speaker: other words have the same vowels, pitch and tempo in another order."""
    vowels = np.random.default_rng(speaker).uniform((300, 900, 2300), (800, 2200, 3300), (6, 3))
    chance = np.random.default_rng([speaker, words])
    sound = chance.normal(0, 0.004, round(duration_s * RATE_HZ))
    at_s = 0.1
    while at_s < duration_s - 0.5:
        length_s = chance.uniform(0.12, 0.3)
        syllable = _syllable(vowels[chance.integers(len(vowels))] * chance.uniform(0.93, 1.07, 3), chance, length_s)
        start = round(at_s * RATE_HZ)
        sound[start : start + len(syllable)] += syllable
        at_s += length_s + chance.choice([0.03, 0.4], p=[0.8, 0.2])
    loud: Sound = (sound / np.abs(sound).max() * 20000).astype(np.int16)
    return loud


def _syllable(
    formants: npt.NDArray[np.float64], chance: np.random.Generator, length_s: float
) -> npt.NDArray[np.float64]:
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    pitch_hz = chance.uniform(110, 150) * np.exp(chance.uniform(-1.5, 1.5) * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    made = np.zeros(len(time_s))
    for overtone in range(1, 30):
        level = np.exp(-(((overtone * pitch_hz[:, None] - formants) / 150) ** 2)).sum(axis=1)
        made += level * np.sin(overtone * phase)
    return made * np.hanning(len(made))
