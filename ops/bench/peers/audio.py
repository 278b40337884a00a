"""Audio peers: Chromaprint, audfprint, and landmarks with probes for pitch and tempo."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
from audfprint2 import Analyzer, HashTable, Matcher
from audfprint2.core.analyzer import landmarks2hashes

from ops.bench.peers.peer import Samples, Scores, samples
from schemas.messages import Modality


class Chromaprint:
    """Chromaprint by Debian's fpcalc: 32 bits every 0.124 s; the score is 1 - 2 x bit error rate of the best alignment.

    Alignment as in AcoustID: every offset with at least 5 s in common.
    """

    modality: Modality = "audio"
    rules = ("Chromaprint",)
    _LEAST = 40

    def __init__(self) -> None:
        self._references: list[npt.NDArray[np.uint32]] = []

    @staticmethod
    def missing() -> str | None:
        """Return why it is not available, None if it is."""
        return None if shutil.which("fpcalc") else "fpcalc is not installed: apt-get install libchromaprint-tools"

    def describe(self, path: Path) -> npt.NDArray[np.uint32]:
        """Return the fingerprint, uint32 (n,)."""
        command = ["fpcalc", "-raw", "-json", "-length", "0", str(path)]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a fixed program, our own files
        # Not the exit code: it is also nonzero for a sound that ends early, whose fingerprint is printed all the same.
        if not done.stdout:
            return np.zeros(0, np.uint32)
        return np.array(json.loads(done.stdout)["fingerprint"], np.int64).astype(np.uint32)

    def add_references(self, references: list[npt.NDArray[np.uint32]]) -> None:
        """Add the descriptions of all references."""
        self._references = references

    def search(self, query: npt.NDArray[np.uint32]) -> Scores:
        """Return 1 - 2 x bit error rate."""
        return {self.rules[0]: [self._similarity(query, reference) for reference in self._references]}

    def _similarity(self, query: npt.NDArray[np.uint32], reference: npt.NDArray[np.uint32]) -> float:
        best = 0.0
        for offset in range(self._LEAST - query.size, reference.size - self._LEAST + 1):
            one = query[max(0, -offset) : reference.size - offset]
            other = reference[max(0, offset) : max(0, offset) + one.size]
            if one.size >= self._LEAST and np.unique(other).size > 1:
                wrong = float(np.bitwise_count(one ^ other).mean()) / 32
                best = max(best, 1 - 2 * wrong)
        return best


class Audfprint:
    """audfprint (package audfprint2) with its defaults; the score is the number of hashes that agree in time."""

    modality: Modality = "audio"
    rules = ("audfprint2",)

    def __init__(self) -> None:
        self._analyzer, self._matcher, self._table, self._n = Analyzer(), Matcher(), HashTable(), 0
        self._matcher.threshcount = 1
        self._matcher.max_returns = 1000

    def describe(self, path: Path) -> npt.NDArray[np.int32]:
        """Return times and hashes, int32 (n, 2)."""
        rate_hz = self._analyzer.target_sr
        sound = samples(path, rate_hz)
        if not sound.any():
            return np.zeros((0, 2), np.int32)
        marks = self._analyzer.peaks2landmarks(self._analyzer.find_peaks(sound, rate_hz))
        return np.array(sorted(set(map(tuple, landmarks2hashes(marks)))), np.int32).reshape(-1, 2)

    def add_references(self, references: list[npt.NDArray[np.int32]]) -> None:
        """Add the descriptions of all references."""
        self._n = len(references)
        for number, reference in enumerate(references):
            self._table.store(str(number), [(int(at), int(key)) for at, key in reference])

    def search(self, query: npt.NDArray[np.int32]) -> Scores:
        """Return the numbers of agreeing hashes."""
        found = [0.0] * self._n
        if len(query):
            for row in np.asarray(self._matcher.match_hashes(self._table, query)):
                found[int(self._table.names[int(row[0])] or 0)] = float(row[1])
        return {self.rules[0]: found}


class Landmarks:
    """Pairs of spectral peaks (Wang 2003) on a logarithmic pitch scale, matched under probed pitches and tempos.

    A pitch shift moves a pair along the scale and a tempo change stretches it, so probes change the query's pairs, not
    its sound. The score is the number of pairs that agree in time, of the best probe.
    """

    modality: Modality = "audio"
    rules = ("landmarks", "landmarks, probed")
    _RATE_HZ, _WINDOW, _HOP = 8000, 1024, 256
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
        times, pitches = _peaks(samples(path, self._RATE_HZ), self._WINDOW, self._HOP, self._STEPS, self._NEIGHBOURS)
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
