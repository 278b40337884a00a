"""Peers that listen: Chromaprint, audfprint, and landmarks with probes for pitch and tempo."""

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
    """Chromaprint by Debian's fpcalc: 32 bits every 0.124 s; the score is 1 - 2 x the bit error of the best alignment.

    Aligned as AcoustID does: every offset with at least 5 s in common.
    """

    sense: Modality = "audio"
    rules = ("Chromaprint",)
    _LEAST = 40

    def __init__(self) -> None:
        self._references: list[npt.NDArray[np.uint32]] = []

    @staticmethod
    def missing() -> str | None:
        """Return why it cannot be had, None if it can."""
        return None if shutil.which("fpcalc") else "fpcalc is not here: apt-get install libchromaprint-tools"

    def describe(self, path: Path) -> npt.NDArray[np.uint32]:
        """Return the fingerprint, uint32 (n,)."""
        command = ["fpcalc", "-raw", "-json", "-length", "0", str(path)]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a fixed program, our own files
        if (
            not done.stdout
        ):  # its exit code also complains of a sound that ends early, and it prints the fingerprint then
            return np.zeros(0, np.uint32)
        return np.array(json.loads(done.stdout)["fingerprint"], np.int64).astype(np.uint32)

    def learn(self, references: list[npt.NDArray[np.uint32]]) -> None:
        """Take in the descriptions of all references."""
        self._references = references

    def search(self, query: npt.NDArray[np.uint32]) -> Scores:
        """Return how alike the bits are."""
        return {self.rules[0]: [self._alike(query, reference) for reference in self._references]}

    def _alike(self, query: npt.NDArray[np.uint32], reference: npt.NDArray[np.uint32]) -> float:
        best = 0.0
        for offset in range(self._LEAST - query.size, reference.size - self._LEAST + 1):
            one = query[max(0, -offset) : reference.size - offset]
            other = reference[max(0, offset) : max(0, offset) + one.size]
            if one.size >= self._LEAST and np.unique(other).size > 1:
                wrong = float(np.bitwise_count(one ^ other).mean()) / 32
                best = max(best, 1 - 2 * wrong)
        return best


class Audfprint:
    """audfprint (package audfprint2) as it is; the score is how many hashes agree in time."""

    sense: Modality = "audio"
    rules = ("audfprint2",)

    def __init__(self) -> None:
        self._analyzer, self._matcher, self._table, self._n = Analyzer(), Matcher(), HashTable(), 0
        self._matcher.threshcount = 1
        self._matcher.max_returns = 1000

    def describe(self, path: Path) -> npt.NDArray[np.int32]:
        """Return times and hashes, int32 (n, 2)."""
        rate_hz = self._analyzer.target_sr
        heard = samples(path, rate_hz)
        if not heard.any():
            return np.zeros((0, 2), np.int32)
        marks = self._analyzer.peaks2landmarks(self._analyzer.find_peaks(heard, rate_hz))
        return np.array(sorted(set(map(tuple, landmarks2hashes(marks)))), np.int32).reshape(-1, 2)

    def learn(self, references: list[npt.NDArray[np.int32]]) -> None:
        """Take in the descriptions of all references."""
        self._n = len(references)
        for number, reference in enumerate(references):
            self._table.store(str(number), [(int(at), int(key)) for at, key in reference])

    def search(self, query: npt.NDArray[np.int32]) -> Scores:
        """Return the counts."""
        found = [0.0] * self._n
        if len(query):
            for row in np.asarray(self._matcher.match_hashes(self._table, query)):
                found[int(self._table.names[int(row[0])] or 0)] = float(row[1])
        return {self.rules[0]: found}


class Landmarks:
    """Pairs of spectral peaks (Wang 2003) on a logarithmic scale of pitch, found again under probed pitches and tempos.

    Shifting the pitch moves a pair along the scale, another tempo stretches it: the query's pairs are changed, not its
    sound. The score is the number of pairs that agree in time, of the best probe.
    """

    sense: Modality = "audio"
    rules = ("landmarks", "landmarks, probed")
    _RATE_HZ, _WINDOW, _HOP = 8000, 1024, 256
    _STEPS = 36
    """Of an octave."""
    _NEIGHBOURS = (9, 9)
    _FAN, _REACH = 8, 64
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
            near = (apart > 1) & (apart < self._REACH) & (abs(rise) < 2 * self._STEPS)
            pairs.append(np.stack([times[: later.size], pitches[: later.size], rise, apart], axis=1)[near])
        return np.concatenate(pairs) if pairs else np.zeros((0, 4), np.int64)

    def learn(self, references: list[npt.NDArray[np.int64]]) -> None:
        """Take in the descriptions of all references."""
        self._n = len(references)
        owners = np.repeat(np.arange(self._n), [len(reference) for reference in references])
        pairs = np.concatenate(references)
        keys = _key(pairs[:, 1], pairs[:, 2], pairs[:, 3])
        order = np.argsort(keys, kind="stable")
        self._keys, self._times, self._owners = keys[order], pairs[order, 0], owners[order]

    def search(self, query: npt.NDArray[np.int64]) -> Scores:
        """Return the counts, without probes and with them."""
        plain = self._votes(query, 0, 1.0)
        probed = np.max([self._votes(query, shift, tempo) for shift in self._SHIFTS for tempo in self._TEMPOS], axis=0)
        return dict(zip(self.rules, (plain.tolist(), probed.tolist()), strict=True))

    def _votes(self, query: npt.NDArray[np.int64], shift: int, tempo: float) -> npt.NDArray[np.float64]:
        """Return, for each reference, how many pairs agree on where it starts."""
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
    """Return one number of a pair of peaks."""
    return ((pitch + 64) << 20) | ((rise + 128) << 8) | (apart // 2)


def _peaks(
    heard: Samples, window: int, hop: int, steps: int, near: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return time and pitch of the cells of the spectrogram that nothing near exceeds, in time order."""
    if heard.size < window or not heard.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(heard, window)[::hop] * np.hanning(window)
    power = np.log(np.abs(np.fft.rfft(frames)) + 1e-6)
    pitches = np.arange(int(np.log2(window / 2 / 20) * steps))
    bins = 20 * 2 ** (pitches / steps)
    below = bins.astype(np.int64)
    scaled = power[:, below] * (1 - bins + below) + power[:, below + 1] * (bins - below)
    largest = scaled
    for axis, reach in enumerate(near):
        padded = np.pad(largest, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis).max(axis=-1)
    found = (scaled >= largest) & (scaled > np.median(scaled) + 1)
    times, where = np.nonzero(found)
    return times.astype(np.int64), where.astype(np.int64)
