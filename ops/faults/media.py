"""Small real clips for the posts of a run: six seconds of film with its sound, at a fraction of its size."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from streams.demo.scenario import MEDIA
from streams.evaluation.clips import Clip, Encoding, Picture, read_clip, write_clip

_CLIP_S = 6.0
_SIZE = (192, 108)
_ENCODING = Encoding(crf=30, audio_bps=48_000)
_REFERENCE, _OTHER = "carving", "morning"


class Media(NamedTuple):
    """Names of the files in the folder that is served."""

    reference: Path
    """The clip that the open case is about."""
    copy: str
    other: str
    """A clip of no case."""
    gone: str
    """A file that is not there."""


def make_media(folder: Path) -> Media:
    """Make the clips in a folder."""
    reference = _make(_REFERENCE, folder / "copy.mp4")
    other = _make(_OTHER, folder / "other.mp4")
    return Media(reference, reference.name, other.name, "gone.mp4")


def _make(scene: str, path: Path) -> Path:
    clip = read_clip(MEDIA / f"{scene}.mp4", 0.0, _CLIP_S)
    write_clip(Clip(_small(clip.pictures), clip.pcm), path, _ENCODING)
    return path


def _small(pictures: Iterator[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        yield np.asarray(Image.fromarray(picture).resize(_SIZE, Image.Resampling.BILINEAR))
