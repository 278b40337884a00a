"""Print how well runs of frames are found: ``python -m ops.bench.visual_runs VIDEO``.

References are minutes of the video; queries are half a minute of each, edited, sampled half a second off.
"""

import sys
from collections.abc import Iterator

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.alignment import VISUAL, Alignment, align
from models.registry import Registry
from models.visual.model import VisualModel
from ops.bench.visual_views import EDITS, Picture, Vectors, embed

Described = tuple[Vectors, npt.NDArray[np.int32]]

_MINUTES_AT_S = (30, 150, 270, 390)
_EDITS = ("none", "jpeg quality 10", "cut to a quarter", "inset, corner 40 %", "9:16, blurred fill")


def main() -> None:
    """Measure and print."""
    path, model = sys.argv[1], Registry().visual()
    minutes = [sample(path, start, 60) for start in _MINUTES_AT_S]
    references = [embed(model, minute, views=False) for minute in minutes]
    halves = [sample(path, start + 10.5, 30) for start in _MINUTES_AT_S]
    sys.stdout.write(f"{'edit':22}copies: scores, speeds        unrelated: highest score\n")
    for name in _EDITS:
        found, unrelated = [], [0.0]
        for index, half in enumerate(halves):
            backdrop = index - 1
            pairs = zip(half, minutes[backdrop], strict=False)
            query = embed(model, [EDITS[name](*pair) for pair in pairs], views=True)
            found.append(compare(query, references[index]))
            others = [other for number, other in enumerate(references) if number not in (index, backdrop % 4)]
            unrelated += [score(compare(query, other)) for other in others]
        sys.stdout.write(f"{name:22}{show(found)}{max(unrelated):10.2f}\n")
    print_speeds(path, model, references)


def print_speeds(path: str, model: VisualModel, references: list[Described]) -> None:
    """Print how faster and slower copies are found."""
    for speed in (0.5, 0.75, 1.5, 2.0):
        n_frames = int(min(40, 50 / speed))
        queries = [embed(model, sample(path, start, n_frames, speed), views=True) for start in _MINUTES_AT_S]
        found = [compare(query, reference) for query, reference in zip(queries, references, strict=True)]
        sys.stdout.write(f"{f'speed {speed}':22}{show(found)}\n")


def compare(query: Described, reference: Described) -> Alignment | None:
    """Align two runs of frames a second apart, as the match stage does."""
    similarity = query[0] @ reference[0].T
    return align(similarity, query[1].astype(np.float64), reference[1].astype(np.float64), VISUAL)


def score(found: Alignment | None) -> float:
    """Return the score, 0 if nothing was found."""
    return found.score if found else 0.0


def show(found: list[Alignment | None]) -> str:
    """Return scores and speeds as one row."""
    speeds = " ".join(f"{one.speed:.2f}" if one else "-" for one in found)
    return " ".join(f"{score(one):.2f}" for one in found) + "   " + speeds


def sample(path: str, start_s: float, n_frames: int, speed: float = 1.0) -> list[Picture]:
    """Return frames `speed` seconds apart."""
    wanted_s = start_s + speed * np.arange(n_frames, dtype=np.float64)
    pictures: list[Picture] = []
    with av.open(path) as container:
        container.seek(int(start_s * av.time_base))
        for time_s, picture in _decoded(container, wanted_s):
            while len(pictures) < n_frames and time_s >= wanted_s[len(pictures)]:
                pictures.append(picture)
            if len(pictures) == n_frames:
                break
    return pictures


def _decoded(
    container: av.container.InputContainer, wanted_s: npt.NDArray[np.float64]
) -> Iterator[tuple[float, Picture]]:
    """Frames whose second is wanted, at most 480 pixels wide."""
    seconds = set(np.floor(wanted_s).tolist())
    for frame in container.decode(video=0):
        if frame.time // 1 in seconds:
            picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
            picture.thumbnail((480, 480))
            yield frame.time, picture


if __name__ == "__main__":
    main()
