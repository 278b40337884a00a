"""TMK+PDQF of the same frames by us and by Meta's implementation, and each side's files read by the other.

python -m ops.bench.tmk FOLDER, in which ThreatExchange's tmk/cpp was built by `make vstr2feat feat2tmk tmk-query`
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import batched
from pathlib import Path

import numpy as np
import typer
from PIL import Image

from models.tmk.descriptor import Tmk
from models.tmk.file import read_tmk, tmk_bytes
from models.tmk.score import scores
from tests.unit.models.test_tmk import CLIPS, clip, descriptor

_RAW = ("--raw", "--width", "64", "--height", "64", "--fps", "15", "--frame-feature-algorithm-name", "pdqf")
_LEAST_COSINE, _MOST_DIFFERENCE = 0.9999, 1e-3


def theirs(built: Path, frames: Sequence[Image.Image]) -> bytes:
    """Return the file that their programs make of frames of 64 x 64."""
    raw = b"".join(np.asarray(frame).tobytes() for frame in frames)
    return _run([built / "feat2tmk"], _run([built / "vstr2feat", *_RAW], raw))


def least_cosine(one: Tmk, other: Tmk) -> float:
    """Return the least cosine of the three parts of two descriptors."""
    pairs = ((one.average, other.average), (one.cosines, other.cosines), (one.sines, other.sines))
    flat = [(mine.ravel().astype(np.float64), theirs.ravel().astype(np.float64)) for mine, theirs in pairs]
    return min(float(mine @ theirs / np.linalg.norm(mine) / np.linalg.norm(theirs)) for mine, theirs in flat)


def worst_difference(built: Path, files: Sequence[Path], folder: Path) -> float:
    """Return the largest difference of our scores of all pairs from those that their program prints."""
    names = folder / "names.txt"
    names.write_text("".join(f"{file}\n" for file in files))
    printed = _run([built / "tmk-query", "--c1", "-1", "--c2", "0", names, names]).decode().split()
    differences = [0.0]
    for level_1, level_2, one, other in batched(printed, 4):
        ours = scores(read_tmk(Path(one).read_bytes()), read_tmk(Path(other).read_bytes()))
        differences += [abs(ours.level_1 - float(level_1)), abs(ours.level_2 - float(level_2))]
    typer.echo(f"scores of {len(printed) // 4} pairs of files: differ by {max(differences):.1e} at most")
    return max(differences)


def _run(command: Sequence[str | Path], given: bytes = b"") -> bytes:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - of this machine


def main() -> int:
    """Print the differences, and return 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    built = parser.parse_args().folder.resolve()
    cosines, files = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip_name, of_clip in CLIPS.items():
            ours, their_file = descriptor(clip(*of_clip)), theirs(built, clip(*of_clip))
            cosines.append(least_cosine(ours, read_tmk(their_file)))
            typer.echo(f"clip {clip_name}: cosine of the descriptors {cosines[-1]:.9f}")
            for side, content in (("ours", tmk_bytes(ours)), ("theirs", their_file)):
                files.append(folder / f"{clip_name}-{side}.tmk")
                files[-1].write_bytes(content)
        files += sorted((built.parent / "sample-hashes").glob("*.tmk"))
        difference = worst_difference(built, files, folder)
    return int(min(cosines) < _LEAST_COSINE or difference > _MOST_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())
