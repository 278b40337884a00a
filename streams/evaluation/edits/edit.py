"""Type of an edit, and helpers that edits share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.messages import Modality
from streams.evaluation.clips import Clip, Encoding, Pcm, Picture

Change = Callable[[Clip, Clip, np.random.Generator], Clip]
"""Pure function of clip, unrelated clip and random generator that returns the copy."""
Other = Literal["video", "music", "speech"]
"""Kind of unrelated clip that an edit puts beside, over or under the source."""

USUAL = Encoding()
BOTH: frozenset[Modality] = frozenset({"visual", "audio"})
VISUAL: frozenset[Modality] = frozenset({"visual"})
AUDIO: frozenset[Modality] = frozenset({"audio"})


@dataclass(frozen=True, slots=True)
class Edit:
    """One way to edit a video before posting it."""

    description: str
    """For people."""
    change: Change
    keeps: frozenset[Modality] = BOTH
    """Modalities by which the copy can be found."""
    encoding: Encoding = USUAL
    suffix: str = ".mp4"
    other: Other | None = None
    """Kind of unrelated clip that it needs, if any."""


def per_picture(change: Callable[[Picture], Picture]) -> Change:
    """Return the edit that changes each picture independently and leaves the sound."""
    return lambda clip, _other, _rng: replace(clip, pictures=map(change, clip.pictures))


def drawn(draw: Callable[[np.random.Generator], Callable[[Picture], Picture]]) -> Change:
    """Return the edit that draws one random change for all pictures."""
    return lambda clip, _other, rng: replace(clip, pictures=map(draw(rng), clip.pictures))


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture at another size, stretched if the aspect ratio differs."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def rms(pcm: Pcm) -> float:
    """Return the root mean square of the samples, 0 if there are none."""
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) if pcm.size else 0.0


def to_int16(samples: npt.NDArray[np.float64]) -> Pcm:
    """Round and clip to samples."""
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
