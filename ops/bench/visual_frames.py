"""Print how well one frame is found: ``python -m ops.bench.visual_frames MODEL[,MODEL] VIDEO...``.

A frame each ten seconds of each video is a reference, with all its views; each edited frame is one upload, and its
score with a reference the largest cosine of any two views. Frames that are nearly the same are one reference. The cost
of the models is measured in turns, on the same pictures, so that a busy machine slows both.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from models.registry import Registry
from models.visual.model import VisualModel
from ops.bench.visual_cascade import as_jpeg, part, small

_STEP_S, _LONGEST_S = 10.0, 480.0
_SAME = 3.0
"""Least mean difference of small grey pictures, of 255, of two references."""
_ROUNDS, _BATCH = 15, 8
_FONT = 0.09
"""Height of a caption, as a share of the picture's."""

Picture = Image.Image
Vectors = npt.NDArray[np.float32]


def captioned(picture: Picture) -> Picture:
    """Return a picture with two lines of text and a band."""
    shown = picture.copy()
    draw, height = ImageDraw.Draw(shown), picture.height
    draw.rectangle((0, round(0.76 * height), picture.width, height), fill=(0, 0, 0))
    draw.text((20, round(0.8 * height)), "wait until the end", fill="white", font_size=round(_FONT * height))
    draw.text((20, 10), "@somebody", fill="yellow", font_size=round(_FONT * height))
    return shown


def dark(picture: Picture) -> Picture:
    """Return a picture at a quarter of its brightness, with noise."""
    noise = np.random.default_rng(0).normal(0, 4, (picture.height, picture.width, 3))
    return Image.fromarray((0.25 * np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


EDITS: dict[str, Callable[[Picture], Picture]] = {
    "none": lambda picture: picture,
    "320 px": small,
    "160 px": lambda picture: picture.resize((160, 90)),
    "cut to 70 %": lambda picture: part(picture, (0.05, 0.2, 0.75, 0.9)),
    "cut to 50 %": lambda picture: part(picture, (0.3, 0.1, 0.8, 0.6)),
    "captioned": captioned,
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned 10": lambda picture: picture.rotate(10, Image.Resampling.BILINEAR),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "dark, noisy": dark,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", metavar="MODEL[,MODEL]")
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    given = parser.parse_args()
    names, videos = given.models, given.videos
    models = {name: Registry(provider="CPUExecutionProvider").visual(name) for name in names.split(",")}
    pictures = distinct([frame for video in videos for frame in frames(video)])
    sys.stdout.write(f"{len(pictures)} frames; share nearest, share above every wrong pair, median cosine\n")
    found = {name: measured(model, pictures) for name, model in models.items()}
    sys.stdout.write("\n".join(table(found)) + "\n")
    for name, cost in costs(models, pictures).items():
        sys.stdout.write(f"{name}: {cost:.1f} CPU ms a picture\n")


def frames(path: str) -> list[Picture]:
    """Return a frame each ten seconds, at most 640 x 360."""
    taken: list[Picture] = []
    with av.open(path) as container:
        for frame in container.decode(video=0):
            if frame.time >= _LONGEST_S:
                break
            if frame.time >= len(taken) * _STEP_S:
                taken.append(Image.fromarray(frame.reformat(640, 360, "rgb24").to_ndarray()))
    return taken


def distinct(pictures: list[Picture]) -> list[Picture]:
    """Return pictures that differ from all before them."""
    kept: list[tuple[npt.NDArray[np.float32], Picture]] = []
    for picture in pictures:
        grey = np.asarray(picture.convert("L").resize((32, 18), Image.Resampling.BOX), np.float32)
        if grey.std() > 2 * _SAME and all(np.abs(grey - other).mean() > _SAME for other, _ in kept):
            kept.append((grey, picture))
    return [picture for _, picture in kept]


def measured(model: VisualModel, pictures: list[Picture]) -> dict[str, npt.NDArray[np.float32]]:
    """Return the scores of each edit, shape (uploads, references)."""
    references = [describe(model, picture, views=False) for picture in pictures]
    return {
        name: np.array([
            [(post @ reference.T).max(initial=-1) for reference in references]
            for post in (describe(model, edit(picture), views=True) for picture in pictures)
        ])
        for name, edit in EDITS.items()
    }  # fmt: skip


def describe(model: VisualModel, picture: Picture, *, views: bool) -> Vectors:
    """Return the descriptors of one frame's views."""
    return model.embed(model.prepare([as_jpeg(picture)], views=views).pixels)


def table(found: dict[str, dict[str, npt.NDArray[np.float32]]]) -> list[str]:
    """Return the lines of the table, and the highest and the 99.9 % wrong cosine of each model."""
    lines = ["| edit | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    wrong = {name: np.concatenate([off_diagonal(each) for each in edits.values()]) for name, edits in found.items()}
    for edit in EDITS:
        cells = []
        for name, edits in found.items():
            own = edits[edit].diagonal()
            nearest = (edits[edit].argmax(axis=1) == np.arange(len(own))).mean()
            cells.append(f"{nearest:.2f}, {(own > wrong[name].max()).mean():.2f}, {np.median(own):.2f}")
        lines.append(f"| {edit} | {' | '.join(cells)} |")
    cells = [f"{np.quantile(each, 0.999):.2f}, {each.max():.2f}" for each in wrong.values()]
    return [*lines, f"| wrong pairs: 99.9 %, highest | {' | '.join(cells)} |"]


def off_diagonal(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the scores of wrong pairs."""
    return scores[~np.eye(len(scores), dtype=bool)]


def costs(models: dict[str, VisualModel], pictures: list[Picture]) -> dict[str, float]:
    """Return CPU milliseconds to describe one picture, the median of turns."""
    taken: dict[str, list[float]] = {name: [] for name in models}
    jpegs = [as_jpeg(picture) for picture in pictures[:_BATCH]]
    pixels = {name: model.prepare(jpegs, views=False).pixels[:_BATCH] for name, model in models.items()}
    for _ in range(_ROUNDS):
        for name, model in models.items():
            began_s = time.process_time()
            model.embed(pixels[name])
            taken[name].append(1000 * (time.process_time() - began_s) / len(pixels[name]))
    return {name: statistics.median(each) for name, each in taken.items()}


if __name__ == "__main__":
    main()
