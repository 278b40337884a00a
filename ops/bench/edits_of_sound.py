"""Hard edits of a sound: laid over, put inside other sound, played off a loudspeaker, faster."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ops.bench.audio_fingerprint import compressed, resample
from ops.bench.sound_set import POST_S, RATE_HZ, Sound

Signal = npt.NDArray[np.float64]
_EARLY_S = 0.02
"""Delay from which echoes are so dense that they are noise."""

type Over = Mapping[str, Sound]
type EditSound = Callable[[Sound, Over, np.random.Generator], Sound]


def part(sound: Sound, seconds: float, rng: np.random.Generator) -> Sound:
    """Return a random part of a sound, the whole of a shorter one."""
    n = round(seconds * RATE_HZ)
    start = int(rng.integers(max(1, len(sound) - n + 1)))
    return sound[start : start + n]


def _rms(sound: Sound | Signal) -> float:
    return max(1.0, float(np.sqrt(np.mean(np.square(sound.astype(np.float64))))))


def _rounded(signal: Signal) -> Sound:
    peak = max(1.0, float(np.abs(signal).max()) / 32000)
    return np.rint(signal / peak).astype(np.int16)


def overlaid(kind: str, decibels: float) -> EditSound:
    """Lay another sound over it, `decibels` louder."""

    def edit(sound: Sound, over: Over, rng: np.random.Generator) -> Sound:
        other = np.resize(np.roll(over[kind], -int(rng.integers(len(over[kind])))), len(sound)).astype(np.float64)
        return _rounded(sound + other * (_rms(sound) / _rms(other) * 10 ** (decibels / 20)))

    return edit


def inside(seconds: float) -> EditSound:
    """Put an excerpt into 20 s of other sound, equally loud."""

    def edit(sound: Sound, over: Over, rng: np.random.Generator) -> Sound:
        short = part(sound, seconds, rng).astype(np.float64)
        kind = ("speech", "music")[int(rng.integers(2))]
        around = np.resize(np.roll(over[kind], -int(rng.integers(len(over[kind])))), POST_S * RATE_HZ).astype(float)
        start = int(rng.integers(len(around) - len(short)))
        around[start : start + len(short)] = short * (_rms(around) / _rms(short))
        return _rounded(around)

    return edit


def loudspeaker(sound: Sound, _over: Over, rng: np.random.Generator) -> Sound:
    """Record it off a loudspeaker in a room: echoes, a narrow uneven band, clipping, noise at -15 dB."""
    heard = convolved(_band(sound.astype(np.float64), 300, 5000, rng), room(rng))
    heard /= _rms(heard)
    clipped = np.tanh(heard * rng.uniform(0.3, 0.8))
    clipped = clipped / np.sqrt(np.mean(clipped**2)) + rng.normal(0, 10 ** (-15 / 20), len(clipped))
    return _rounded(3000 * clipped)


def room(rng: np.random.Generator) -> Signal:
    """Return an impulse response: the direct sound, early reflections, and a tail with an RT60 of 0.3 to 0.8 s."""
    rt60_s = rng.uniform(0.3, 0.8)
    at_s = np.arange(int(rt60_s * RATE_HZ)) / RATE_HZ
    tail = rng.normal(size=len(at_s)) * 10 ** (-3 * at_s / rt60_s) * (at_s > _EARLY_S)
    response: Signal = tail * np.sqrt(10 ** (rng.uniform(-6, 0) / 10) / np.sum(tail**2))
    response[0] += 1.0
    early = rng.integers(int(0.002 * RATE_HZ), int(0.04 * RATE_HZ), 8)
    response[early] += rng.uniform(0.1, 0.5, 8) * rng.choice([-1, 1], 8)
    return response


def convolved(signal: Signal, response: Signal) -> Signal:
    """Return the signal in a room of this impulse response, of the same length."""
    size = len(signal) + len(response) - 1
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(signal)]


def _band(signal: Signal, low_hz: float, high_hz: float, rng: np.random.Generator | None = None) -> Signal:
    """Pass a band, with slopes of 12 dB an octave and, with a generator, uneven by some dB."""
    hz = np.maximum(np.fft.rfftfreq(len(signal), 1 / RATE_HZ), 1.0)
    gain_db = -12 * (np.maximum(0, np.log2(low_hz / hz)) + np.maximum(0, np.log2(hz / high_hz)))
    if rng is not None:
        gain_db = gain_db + np.interp(np.log2(hz), np.arange(14), rng.normal(0, 3, 14))
    passed: Signal = np.fft.irfft(np.fft.rfft(signal) * 10 ** (gain_db / 20), len(signal))
    return passed


def faster(percent: float) -> EditSound:
    """Change pitch and tempo together, as on tape."""
    return lambda sound, _over, _rng: resample(sound, round(RATE_HZ * (1 + percent / 100)), RATE_HZ)


EDITS: dict[str, EditSound] = {
    "unchanged": lambda sound, _over, _rng: sound,
    "speech at 0 dB": overlaid("speech", 0),
    "speech at 5 dB": overlaid("speech", 5),
    "music at 0 dB": overlaid("music", 0),
    "music at 5 dB": overlaid("music", 5),
    "loudspeaker": loudspeaker,
    "2.6 s inside": inside(2.6),
    "3 s inside": inside(3.0),
    "5 s inside": inside(5.0),
    "4 % faster": faster(4),
    "4 % slower": faster(-4),
    "mp3 24 kbit/s": lambda sound, _over, _rng: compressed(sound, RATE_HZ, "libmp3lame", "mp3", 24_000, to_hz=RATE_HZ),
    "telephone": lambda sound, _over, _rng: _rounded(_band(sound.astype(np.float64), 350, 3000)),
}
