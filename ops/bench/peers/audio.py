"""Audio peers: Chromaprint and audfprint."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
from audfprint2 import Analyzer, HashTable, Matcher
from audfprint2.core.analyzer import landmarks2hashes

from ops.bench.peers.peer import Scores, samples
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
