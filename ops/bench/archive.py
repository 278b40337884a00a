"""Print the cost of the archive as it grows: ``python -m ops.bench.archive [THOUSANDS OF SEGMENTS]``.

Each segment has thirty vectors of 512 numbers, half a minute of frames; a reference has sixty. One process, synthetic
data.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.alignment_parameters import VISUAL
from ops.bench.made_records import made_descriptors, made_piece
from schemas.messages import Descriptors, Reference
from streams.match.archive import Hit
from streams.match.late_candidates import Aligned
from streams.match.milvus_archive import MilvusArchive

_STEP = 1_000
_COLUMNS, _SEGMENT_ROWS, _REFERENCE_ROWS = 512, 30, 60
RULE = Aligned(VISUAL, penalty=3.7)
"""As of a reference of a minute."""


def main() -> None:
    """Measure and print; the last line is the growth from the first thousand to the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("thousands", nargs="?", type=int, default=3, help="thousands of segments")
    steps = parser.parse_args().thousands
    random = np.random.default_rng(1)
    sys.stdout.write("segments  vectors  add, ms each  search, ms  reopen + search, ms  folder, MB\n")
    rows: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for step in range(steps):
            rows.append(measure(Path(folder), step, random))
            show((step + 1) * _STEP, rows[-1], Path(folder))
    ratios = [last / first for first, last in zip(rows[0], rows[-1], strict=True)]
    sys.stdout.write(f"grew {steps}x, times: add {ratios[0]:.1f}x, search {ratios[1]:.1f}x, reopen {ratios[2]:.1f}x\n")


def measure(folder: Path, step: int, random: np.random.Generator) -> tuple[float, float, float]:
    """Add a thousand segments; return seconds for one add, for a search when open, and for reopening and a search."""
    added = [described(vectors(random, _SEGMENT_ROWS)) for _ in range(_STEP)]
    wanted = reference(vectors(random, _REFERENCE_ROWS))
    archive = MilvusArchive(folder)
    began = time.perf_counter()
    for offset, segment in enumerate(added, start=step * _STEP):
        archive.add(Hit(0, offset), segment)
    add_s = (time.perf_counter() - began) / _STEP
    while archive.compact():
        pass
    archive.search(wanted, {0}, RULE)
    began = time.perf_counter()
    archive.search(wanted, {0}, RULE)
    search_s = time.perf_counter() - began
    archive.close()
    began = time.perf_counter()
    archive = MilvusArchive(folder)
    archive.search(wanted, {0}, RULE)
    reopen_s = time.perf_counter() - began
    archive.close()
    return add_s, search_s, reopen_s


def show(n_segments: int, times_s: tuple[float, float, float], folder: Path) -> None:
    """Print one line."""
    megabytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    add_ms, search_ms, reopen_ms = (1000 * time_s for time_s in times_s)
    counts = f"{n_segments:8}{n_segments * _SEGMENT_ROWS:9}"
    sys.stdout.write(f"{counts}{add_ms:14.2f}{search_ms:12.0f}{reopen_ms:21.0f}{megabytes:12.0f}\n")


def vectors(random: np.random.Generator, n: int) -> npt.NDArray[np.float32]:
    """Return L2-normalised random vectors, shape (n, 512)."""
    made = random.normal(size=(n, _COLUMNS)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def described(rows: npt.NDArray[np.float32]) -> Descriptors:
    """Return the descriptors of one segment, a row a second."""
    return made_descriptors("visual", rows, np.arange(len(rows), dtype=np.float64), len(rows))


def reference(rows: npt.NDArray[np.float32]) -> Reference:
    """Return one piece of a reference, a row a second."""
    return made_piece("visual", rows, np.arange(len(rows), dtype=np.float64), len(rows))


if __name__ == "__main__":
    main()
