"""Sound of a recording in a room: its tone, a hum, steps and a few sentences, with the room's echo."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streams.evaluation.clips import RATE_HZ, SAMPLES_PER_PICTURE, Pcm, read_clip
from streams.evaluation.edits.edit import to_int16

SENTENCES = 4
"""Most files of speech in a recording."""


@dataclass(frozen=True, slots=True)
class Acoustics:
    """What the sound of all recordings of one room shares."""

    tone: npt.NDArray[np.float64]
    """Spectrum of the room's tone, gains of 16 octave-like bands."""
    hum_hz: float
    echo: npt.NDArray[np.float64]
    """Impulse response."""


def room_sound(at: Acoustics, steps: npt.NDArray[np.bool_], speech: Sequence[Path], rng: np.random.Generator) -> Pcm:
    """Return the sound of a recording, int16 (samples,): tone, steps, and a few sentences, all with the echo."""
    n = steps.size * SAMPLES_PER_PICTURE
    events = np.zeros(n)
    thump = np.sin(2 * np.pi * rng.uniform(60, 140) * np.arange(4800) / RATE_HZ) * np.exp(-np.arange(4800) / 700)
    for index in np.flatnonzero(steps):
        part = events[index * SAMPLES_PER_PICTURE :][: thump.size]
        part += thump[: part.size] * rng.uniform(300, 1500)
    for index in rng.permutation(len(speech))[: int(rng.integers(0, SENTENCES + 1))]:
        said = read_clip(speech[index], 0.0, 5.0).pcm.astype(np.float64)
        part = events[int(rng.integers(n)) :][: said.size]
        part += said[: part.size] * rng.uniform(0.1, 0.5)
    echoed = _convolved(events, at.echo)
    hum = 60 * np.sin(2 * np.pi * at.hum_hz * np.arange(n) / RATE_HZ)
    return to_int16(echoed + hum + _tone(at.tone, n, rng) * rng.uniform(80, 300))


def _tone(gains: npt.NDArray[np.float64], n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return noise of the room's spectrum, of unit power."""
    spectrum = np.fft.rfft(rng.normal(0, 1, n))
    hertz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    bands = 20 * 2 ** (np.arange(gains.size) * 0.6)
    shaped = np.fft.irfft(spectrum * np.interp(hertz, bands, gains) / np.maximum(hertz, 40) ** 0.8, n)
    return shaped / max(float(shaped.std()), 1e-9)


def _convolved(events: npt.NDArray[np.float64], echo: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = events.size + echo.size
    return np.fft.irfft(np.fft.rfft(events, size) * np.fft.rfft(echo, size), size)[: events.size]
