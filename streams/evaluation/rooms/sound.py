"""Sound of a recording in a room: its tone, a hum, steps and a few sentences, with the room's echo.

Recordings of one room share what a room has, its spectra and how long it echoes, and no samples: whoever walks, the
moment of a tone and the places of source and microphone are others each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streams.evaluation.clips import RATE_HZ, SAMPLES_PER_PICTURE, Pcm, read_clip
from streams.evaluation.edits.edit import to_int16

SENTENCES = 4
"""Most files of speech in a recording."""
_STEP = 9600
"""Samples of a step, 0.2 s."""
_HUM = 45.0
"""Root mean square of a hum."""
_DRIFT = 0.002
"""Share by which the mains' frequency differs between recordings at most."""

type Samples = npt.NDArray[np.float64]
"""Shape (n,), at RATE_HZ."""


@dataclass(frozen=True, slots=True)
class Acoustics:
    """What the sound of all recordings of one room shares."""

    tone: npt.NDArray[np.float64]
    """Spectrum of the room's tone, gains of 16 octave-like bands."""
    hum_hz: float
    harmonics: npt.NDArray[np.float64]
    """Gains of the hum's frequency and its multiples."""
    echo_s: float
    """Length of the impulse response."""


def acoustics(rng: np.random.Generator) -> Acoustics:
    """Return the acoustics of a room."""
    echo_s, tone = float(rng.uniform(0.15, 0.6)), rng.uniform(0.2, 1.0, 16)
    hum_hz = float(rng.choice([50, 60, 100]))
    return Acoustics(tone, hum_hz, rng.uniform(0.1, 1.0, 4) / np.arange(1, 5), echo_s)


def room_sound(at: Acoustics, steps: npt.NDArray[np.bool_], speech: Sequence[Path], rng: np.random.Generator) -> Pcm:
    """Return the sound of a recording, int16 (samples,): tone, steps, and a few sentences, all with the echo."""
    n = steps.size * SAMPLES_PER_PICTURE
    events = _steps(steps, rng)
    for index in rng.permutation(len(speech))[: int(rng.integers(0, SENTENCES + 1))]:
        said = read_clip(speech[index], 0.0, 5.0).pcm.astype(np.float64)
        part = events[int(rng.integers(n)) :][: said.size]
        part += said[: part.size] * rng.uniform(0.1, 0.5)
    echoed = _convolved(events, _echo(at.echo_s, rng))
    return to_int16(echoed + _hum(at, n, rng) + _tone(at.tone, n, rng) * rng.uniform(80, 300))


def _steps(steps: npt.NDArray[np.bool_], rng: np.random.Generator) -> Samples:
    """Return the sound of one gait: each step a heel and a sole, neither like the one before."""
    events = np.zeros(steps.size * SAMPLES_PER_PICTURE)
    hertz, fall_s, roll_s = rng.uniform(60, 140), rng.uniform(0.008, 0.025), rng.uniform(0.02, 0.07)
    for index in np.flatnonzero(steps):
        start = index * SAMPLES_PER_PICTURE + int(rng.integers(SAMPLES_PER_PICTURE))
        for delay_s, loud in ((0.0, rng.uniform(300, 1500)), (roll_s * rng.uniform(0.7, 1.3), rng.uniform(100, 700))):
            part = events[start + int(delay_s * RATE_HZ) :][:_STEP]
            part += loud * _thump(hertz * rng.uniform(0.85, 1.15), fall_s, rng)[: part.size]
    return events


def _thump(hertz: float, fall_s: float, rng: np.random.Generator) -> Samples:
    """Return a falling tone with a scrape, of about unit amplitude."""
    times_s = np.arange(_STEP) / RATE_HZ
    tone = np.sin(2 * np.pi * (hertz * times_s + rng.uniform()))
    scrape = np.convolve(rng.normal(0, 1, _STEP), np.ones(24) / 24, "same")
    return np.asarray((tone + rng.uniform(0.5, 2.0) * scrape) * np.exp(-times_s / fall_s))


def _hum(at: Acoustics, n: int, rng: np.random.Generator) -> Samples:
    """Return a hum of the room's spectrum: its frequency drifts, its phases are others."""
    hertz = at.hum_hz * (1 + rng.uniform(-_DRIFT, _DRIFT))
    turns = np.cumsum(hertz + _DRIFT * at.hum_hz * _wandering(n, rng)) / RATE_HZ
    waves = [gain * np.sin(2 * np.pi * (k * turns + rng.uniform())) for k, gain in enumerate(at.harmonics, 1)]
    return np.asarray(_HUM * np.sqrt(2) * np.sum(waves, axis=0) / np.linalg.norm(at.harmonics))


def _wandering(n: int, rng: np.random.Generator) -> Samples:
    """Return smooth noise of about unit size, four values a second."""
    at = np.arange(0, n + RATE_HZ, RATE_HZ // 4)
    return np.interp(np.arange(n), at, rng.normal(0, 1, at.size))


def _echo(seconds: float, rng: np.random.Generator) -> Samples:
    """Return an impulse response of this length, from one place in a room to another."""
    n = int(seconds * RATE_HZ)
    echo = rng.normal(0, 0.06, n) * np.exp(-6 * np.arange(n) / n)
    echo[0] = 1.0
    return echo


def _tone(gains: npt.NDArray[np.float64], n: int, rng: np.random.Generator) -> Samples:
    """Return noise of the room's spectrum, of unit power."""
    spectrum = np.fft.rfft(rng.normal(0, 1, n))
    hertz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    bands = 20 * 2 ** (np.arange(gains.size) * 0.6)
    shaped = np.fft.irfft(spectrum * np.interp(hertz, bands, gains) / np.maximum(hertz, 40) ** 0.8, n)
    return shaped / max(float(shaped.std()), 1e-9)


def _convolved(events: Samples, echo: Samples) -> Samples:
    size = 1 << (events.size + echo.size - 1).bit_length()  # a power of two, because other lengths take far longer
    return np.fft.irfft(np.fft.rfft(events, size) * np.fft.rfft(echo, size), size)[: events.size]
