"""Files of the bench: the demonstration's clips, or a video of one's own, as phones and sites encode them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from streams.demo.scenario import MEDIA
from streams.evaluation.clips import FPS, RATE_HZ, Clip, Encoding, Picture, read_clip, write_clip


class Shape(NamedTuple):
    """Kind of file."""

    name: str
    seconds: int
    height: int
    gop: int | None
    """Pictures between key frames; None is the encoder's choice, at cuts and each 250 pictures."""
    share: float
    """Share of the files asked for; long files are fewer."""


SHAPES = (
    Shape("60 s, 720p, key frame each 2 s", 60, 720, 48, 0.25),
    Shape("60 s, 480p", 60, 480, None, 0.25),
    Shape("10 s, 480p", 10, 480, None, 1.0),
    Shape("10 s, 480p, key frame each 2 s", 10, 480, 48, 0.5),
)


def make(folder: Path, videos: list[Path], n_files: int, seed: int) -> dict[str, list[Path]]:
    """Write the files of each shape, those of one seed always the same, and return them by the shape's name."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    return {
        shape.name: [
            _write(folder / f"{number}-{index}.mp4", shape, videos, rng)
            for index in range(max(1, round(shape.share * n_files)))
        ]
        for number, shape in enumerate(SHAPES)
    }


def _write(path: Path, shape: Shape, videos: list[Path], rng: np.random.Generator) -> Path:
    order = [videos[index] for index in rng.permutation(len(videos))]
    start_s = float(rng.uniform(0, 3 if len(videos) > 1 else 500))
    if path.exists():
        return path
    clips = [read_clip(video, start_s) for video in order]
    pcm = np.concatenate([clip.pcm for clip in clips])[: shape.seconds * RATE_HZ]
    pictures = islice(_resized(clips, shape.height), shape.seconds * FPS)
    write_clip(Clip(pictures, pcm), path, Encoding(crf=23, gop=shape.gop))
    return path


def _resized(clips: list[Clip], height: int) -> Iterator[Picture]:
    for clip in clips:
        for picture in clip.pictures:
            width = round(picture.shape[1] * height / picture.shape[0]) // 2 * 2
            yield np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def demonstration() -> list[Path]:
    """Return the demonstration's clips."""
    return sorted(MEDIA.glob("*.mp4"))
