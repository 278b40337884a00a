"""Print how long a live add waits while the archive is searched.

python -m ops.bench.archive_contention [--vectors 200000] [--searches 3] [--json FILE]

The archive is filled with segments of thirty vectors of 512 numbers, and a reference of sixty is searched in all of
them, over and over, while segments go on being added, one after the other. One process, synthetic data.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from ops.bench.archive import RULE, described, reference, vectors
from streams.match.archive import Hit
from streams.match.milvus_archive import MilvusArchive

_SEGMENT_ROWS, _REFERENCE_ROWS = 30, 60
_N_ALONE = 200
_PAUSE_S = 0.01


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        archive = MilvusArchive(folder)
        text = json.dumps(measure(archive, arguments.vectors // _SEGMENT_ROWS, arguments.searches), indent=2)
        archive.close()
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure(archive: MilvusArchive, n_segments: int, n_searches: int) -> dict[str, float]:
    """Return percentiles of the time of an add, alone and beside a search, and the time of a search, seconds."""
    random = np.random.default_rng(1)
    adder = _Adder(archive, random)
    for _ in range(n_segments):
        adder.add()
    alone = [adder.add() for _ in range(_N_ALONE)]
    took_s: list[float] = []
    searching = threading.Thread(target=_search, args=(archive, n_searches, random, took_s))
    searching.start()
    beside = []
    while searching.is_alive():
        beside.append(adder.add())
        time.sleep(_PAUSE_S)
    p99_alone, p99_beside = (float(np.percentile(times_s, 99)) for times_s in (alone, beside))
    return {
        "vectors": n_segments * _SEGMENT_ROWS,
        "adds_beside_search": len(beside),
        "add_alone_p50_s": round(float(np.median(alone)), 4),
        "add_alone_p99_s": round(p99_alone, 4),
        "add_beside_search_p50_s": round(float(np.median(beside)), 4),
        "add_beside_search_p99_s": round(p99_beside, 4),
        "ratio_p99": round(p99_beside / p99_alone, 1),
        "search_s": round(float(np.mean(took_s)), 2),
    }


class _Adder:
    def __init__(self, archive: MilvusArchive, random: np.random.Generator) -> None:
        self._archive, self._random, self._offset = archive, random, 0

    def add(self) -> float:
        """Add a segment and return the time that it took, seconds."""
        segment = described(vectors(self._random, _SEGMENT_ROWS))
        began_s = time.perf_counter()
        self._archive.add(Hit(0, self._offset), segment)
        self._offset += 1
        return time.perf_counter() - began_s


def _search(archive: MilvusArchive, n: int, random: np.random.Generator, took_s: list[float]) -> None:
    for _ in range(n):
        wanted = reference(vectors(random, _REFERENCE_ROWS))
        began_s = time.perf_counter()
        archive.search(wanted, {0}, RULE)
        took_s.append(time.perf_counter() - began_s)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--searches", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
