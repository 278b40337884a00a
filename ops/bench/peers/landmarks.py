"""Landmarks: pairs of spectral peaks, plain and with probes for pitch and tempo."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops.bench.peers.peer import Samples, Scores, samples
from schemas.messages import Modality


class Landmarks:
    """Pairs of spectral peaks (Wang 2003) on a logarithmic pitch scale, matched under probed pitches and tempos.

    A pitch shift moves a pair along the scale and a tempo change stretches it, so probes change the query's pairs, not
    its sound. The score is the number of pairs that agree in time, of the best probe.
    """

    modality: Modality = "audio"
    rules = ("landmarks", "landmarks, probed")
    RATE_HZ = 8000
    _WINDOW, _HOP = 1024, 256
    _STEPS = 36
    """Steps in an octave."""
    _NEIGHBOURS = (9, 9)
    _FAN, _MAX_APART = 8, 64
    _SHIFTS = range(-7, 8)
    _TEMPOS = tuple(1.04**power for power in range(-6, 7))

    def __init__(self) -> None:
        self._keys = self._times = self._owners = np.zeros(0, np.int64)
        self._n = 0

    def describe(self, path: Path) -> npt.NDArray[np.int64]:
        """Return pairs of peaks, int64 (n, 4): time, pitch, rise, distance in time."""
        return self.pairs(samples(path, self.RATE_HZ))

    def pairs(self, sound: Samples) -> npt.NDArray[np.int64]:
        """Return the pairs of peaks of samples at RATE_HZ, as `describe` does for a file."""
        times, pitches = _peaks(sound, self._WINDOW, self._HOP, self._STEPS, self._NEIGHBOURS)
        pairs = []
        for ahead in range(1, self._FAN + 1):
            later, apart = times[ahead:], times[ahead:] - times[:-ahead]
            rise = pitches[ahead:] - pitches[:-ahead]
            near = (apart > 1) & (apart < self._MAX_APART) & (abs(rise) < 2 * self._STEPS)
            pairs.append(np.stack([times[: later.size], pitches[: later.size], rise, apart], axis=1)[near])
        return np.concatenate(pairs) if pairs else np.zeros((0, 4), np.int64)

    def add_references(self, references: list[npt.NDArray[np.int64]]) -> None:
        """Add the descriptions of all references."""
        self._n = len(references)
        owners = np.repeat(np.arange(self._n), [len(reference) for reference in references])
        pairs = np.concatenate(references)
        keys = _key(pairs[:, 1], pairs[:, 2], pairs[:, 3])
        order = np.argsort(keys, kind="stable")
        self._keys, self._times, self._owners = keys[order], pairs[order, 0], owners[order]

    def search(self, query: npt.NDArray[np.int64]) -> Scores:
        """Return the numbers of agreeing pairs, without probes and with them."""
        plain = self._votes(query, 0, 1.0)
        probed = np.max([self._votes(query, shift, tempo) for shift in self._SHIFTS for tempo in self._TEMPOS], axis=0)
        return dict(zip(self.rules, (plain.tolist(), probed.tolist()), strict=True))

    def _votes(self, query: npt.NDArray[np.int64], shift: int, tempo: float) -> npt.NDArray[np.float64]:
        """Return the number of pairs that agree on the offset, for each reference, shape (references,)."""
        at, apart = np.rint(query[:, 0] * tempo).astype(np.int64), np.rint(query[:, 3] * tempo).astype(np.int64)
        keys = _key(query[:, 1] + shift, query[:, 2], apart)
        first, last = np.searchsorted(self._keys, keys), np.searchsorted(self._keys, keys, "right")
        n = last - first
        hits = np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())
        bins = (self._times[hits] - np.repeat(at, n)) // 4 + 8192
        counts = np.bincount(self._owners[hits] * 16384 + bins, minlength=self._n * 16384)
        return counts.reshape(self._n, 16384).max(axis=1).astype(np.float64)


def _key(
    pitch: npt.NDArray[np.int64], rise: npt.NDArray[np.int64], apart: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return a pair of peaks as one integer key."""
    return ((pitch + 64) << 20) | ((rise + 128) << 8) | (apart // 2)


def _peaks(
    sound: Samples, window: int, hop: int, steps: int, near: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return time and pitch of the local maxima of the spectrogram, in time order."""
    if sound.size < window or not sound.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop] * np.hanning(window)
    power = np.log(np.abs(np.fft.rfft(frames)) + 1e-6)
    pitches = np.arange(int(np.log2(window / 2 / 20) * steps))
    bins = 20 * 2 ** (pitches / steps)
    below = bins.astype(np.int64)
    scaled = power[:, below] * (1 - bins + below) + power[:, below + 1] * (bins - below)
    largest = scaled
    for axis, radius in enumerate(near):
        padded = np.pad(largest, [(radius, radius) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=axis).max(axis=-1)
    found = (scaled >= largest) & (scaled > np.median(scaled) + 1)
    times, where = np.nonzero(found)
    return times.astype(np.int64), where.astype(np.int64)
