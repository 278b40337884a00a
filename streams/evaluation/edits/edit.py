"""What an edit is, and what the edits share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.messages import Modality
from streams.evaluation.clips import Clip, Encoding, Pcm, Picture

Change = Callable[[Clip, Clip, np.random.Generator], Clip]
"""Clip, an unrelated clip and chance in; what is posted out. A pure function."""
Other = Literal["video", "music", "speech"]
"""What an edit lays beside, over or under the source."""

USUAL = Encoding()
BOTH: frozenset[Modality] = frozenset({"visual", "audio"})
VISUAL: frozenset[Modality] = frozenset({"visual"})
AUDIO: frozenset[Modality] = frozenset({"audio"})


@dataclass(frozen=True, slots=True)
class Edit:
    """One way of reposting a video."""

    says: str
    """What was done, for a person."""
    change: Change
    keeps: frozenset[Modality] = BOTH
    """Senses by which the copy can be found."""
    encoding: Encoding = USUAL
    suffix: str = ".mp4"
    other: Other | None = None
    """The unrelated clip it needs, if it needs one."""


def per_picture(change: Callable[[Picture], Picture]) -> Change:
    """Return the edit that changes each picture alone and leaves the sound."""
    return lambda clip, _other, _chance: replace(clip, pictures=map(change, clip.pictures))


def drawn(draw: Callable[[np.random.Generator], Callable[[Picture], Picture]]) -> Change:
    """Return the edit that draws by chance, once, how it changes every picture."""
    return lambda clip, _other, chance: replace(clip, pictures=map(draw(chance), clip.pictures))


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture at another size, stretched if need be."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def rms(pcm: Pcm) -> float:
    """Return the root mean square of the samples, 0 if there are none."""
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) if pcm.size else 0.0


def to_int16(samples: npt.NDArray[np.float64]) -> Pcm:
    """Round and clip to samples."""
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
