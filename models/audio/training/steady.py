"""Steady sounds, generated: rain, engines, wind, crowds.

They change little from second to second, yet no two recordings of them are equal: what identifies one are its random
fluctuations. Every sound is 16-bit samples at a rate of the caller's, from a generator of random numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
_Signal = npt.NDArray[np.float64]
type Voices = Callable[[np.random.Generator, int], Samples]
"""Speech of the given number of samples."""

_LOUD = 3000.0
"""Root mean square of a generated sound, of 32,768."""


class Steady:
    """One source of steady sound: every call records it again, as another recording of one engine or one rain.

    Parameters
    ----------
    rng
        Draws the source's character: colour, pitch, modulation.
    rate_hz
        Sampling rate of the recordings.
    voices
        Speech of which crowds are made; without it there are none.
    """

    def __init__(self, rng: np.random.Generator, rate_hz: int, voices: Voices | None = None) -> None:
        self._rate_hz = rate_hz
        kinds: list[Callable[[np.random.Generator, int], _Signal]] = [self._rain, self._engine, self._wind]
        self.kind = int(rng.integers(len(kinds) + (voices is not None)))
        self._voices = voices
        self._make = [*kinds, self._crowd][self.kind]
        self._knots = rng.normal(0.0, 5.0, 8)
        self._slope_db = rng.uniform(-8.0, 0.0)
        self._depth, self._slow_hz = rng.uniform(0.02, 0.25), rng.uniform(0.05, 1.0)
        self._pitch_hz, self._drops_hz = rng.uniform(22.0, 120.0), rng.uniform(2.0, 80.0)
        self._noisy = rng.uniform(0.15, 1.0)

    def recorded(self, rng: np.random.Generator, n: int) -> Samples:
        """Return a recording of n samples."""
        sound = self._make(rng, n)
        return np.clip(sound * (_LOUD / max(1e-9, _rms(sound))), -32768, 32767).astype(np.int16)

    def _coloured(self, rng: np.random.Generator, n: int) -> _Signal:
        """Return noise with this source's smooth spectrum and slow modulation."""
        spectrum = np.fft.rfft(rng.normal(size=n))
        octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / self._rate_hz), 30.0) / 30.0)
        gain_db = np.interp(octaves, np.arange(8), self._knots) + self._slope_db * octaves
        coloured: _Signal = np.fft.irfft(spectrum * 10 ** (gain_db / 20), n) * self._modulation(rng, n)
        return coloured

    def _modulation(self, rng: np.random.Generator, n: int) -> _Signal:
        knots = max(4, int(n / self._rate_hz * 4 * self._slow_hz) + 4)
        curve = np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.normal(size=knots))
        return np.exp(self._depth * curve)

    def _rain(self, rng: np.random.Generator, n: int) -> _Signal:
        """Return noise with drops: short bursts of decaying noise."""
        clicks = np.zeros(n)
        n_drops = rng.poisson(self._drops_hz * n / self._rate_hz)
        clicks[rng.integers(0, n, n_drops)] = rng.exponential(1.0, n_drops)
        decay = np.exp(-np.arange(int(0.01 * self._rate_hz)) / (0.003 * self._rate_hz))
        drops = _convolved(clicks, decay * rng.normal(size=len(decay)))
        rain = self._coloured(rng, n)
        return rain / _rms(rain) + 0.5 * drops / max(1e-9, _rms(drops))

    def _engine(self, rng: np.random.Generator, n: int) -> _Signal:
        """Return harmonics of a pitch that wanders by some percent, over noise."""
        phase = 2 * np.pi * np.cumsum(self._pitch_hz * self._modulation(rng, n) ** 0.1) / self._rate_hz
        order = np.arange(1, max(2, min(30, int(0.45 * self._rate_hz / self._pitch_hz))))
        gains = 10 ** (np.interp(np.log2(order), np.arange(8), self._knots) / 20) / order**0.7
        hum: Any = sum(gain * np.sin(k * phase) for k, gain in zip(order, gains, strict=True))
        noise = self._coloured(rng, n)
        engine: _Signal = hum / _rms(hum) + self._noisy * noise / _rms(noise) * (1 + 0.5 * np.sin(phase))
        return engine

    def _wind(self, rng: np.random.Generator, n: int) -> _Signal:
        return self._coloured(rng, n) * self._modulation(rng, n)

    def _crowd(self, rng: np.random.Generator, n: int) -> _Signal:
        """Return a dozen voices at once over noise."""
        assert self._voices is not None
        voices = sum(self._voices(rng, n).astype(np.float64) for _ in range(12))
        noise = self._coloured(rng, n)
        mixed: _Signal = voices / max(1e-9, _rms(voices)) + 0.3 * noise / _rms(noise)
        return mixed


def _convolved(signal: _Signal, kernel: _Signal) -> _Signal:
    size = len(signal) + len(kernel) - 1
    return np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(kernel, size), size)[: len(signal)]


def _rms(signal: Any) -> float:  # noqa: ANN401 - any array
    return float(np.sqrt(np.mean(np.square(signal))))
