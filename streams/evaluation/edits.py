"""The copies a reposter makes of a video: each edit turns a clip into what is posted.

Every edit is a pure function of the clip, of another clip that has nothing to do with it, and of a random generator, so
the same seed makes the same copy. `make_copy` applies one to files.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from schemas.messages import Modality
from streams.evaluation.clips import (
    FPS,
    RATE_HZ,
    SAMPLES_PER_PICTURE,
    Clip,
    Encoding,
    Pcm,
    Picture,
    read_clip,
    write_clip,
)

Change = Callable[[Clip, Clip, np.random.Generator], Clip]
"""Clip, an unrelated clip and chance in; what is posted out."""

USUAL = Encoding()
NO_SOUND: Pcm = np.zeros(0, np.int16)
EXCERPT_S = 6.0
_WARM = [round(255 * (level / 255) ** gamma) for gamma in (0.7, 0.85, 1.1) for level in range(256)]
"""A gamma for each channel, as Pillow's table of 3 x 256 levels."""
BURNT_IN = "FULL VIDEO -> link in bio"


@dataclass(frozen=True, slots=True)
class Edit:
    """One way of reposting a video."""

    says: str
    """What was done, for a person."""
    change: Change
    keeps: frozenset[Modality]
    """Senses by which the copy can be found."""
    encoding: Encoding = USUAL
    suffix: str = ".mp4"


def make_copy(edit: Edit, source: Path, target: Path, *, other: Path, seed: int = 0) -> None:
    """Write the edited ``source`` to ``target``; ``other`` is an unrelated video for the edits that need one.

    Raises
    ------
    av.error.FFmpegError
        If a file cannot be decoded.
    """
    made = edit.change(read_clip(source), read_clip(other), np.random.default_rng(seed))
    write_clip(made, target, edit.encoding)


def _per_picture(change: Callable[[Picture], Picture]) -> Change:
    """Return the edit that changes each picture alone and leaves the sound."""
    return lambda clip, _other, _chance: Clip(map(change, clip.pictures), clip.pcm)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _halved(picture: Picture) -> Picture:
    return _resized(picture, picture.shape[1] // 2, picture.shape[0] // 2)


def _cropped(clip: Clip, _other: Clip, chance: np.random.Generator) -> Clip:
    """Keep a window of 70 % of width and height, at the original size."""
    down, right = chance.uniform(0, 0.3, 2)

    def window(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        top, left = int(down * height), int(right * width)
        return _resized(picture[top : top + int(0.7 * height), left : left + int(0.7 * width)], width, height)

    return Clip(map(window, clip.pictures), clip.pcm)


def _mirrored(picture: Picture) -> Picture:
    return picture[:, ::-1]


def _grayed(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def _recoloured(picture: Picture) -> Picture:
    """Warm the colours and lift the shadows, as a filter of a phone does."""
    return np.asarray(Image.fromarray(picture).point(_WARM))


def _rotated(picture: Picture) -> Picture:
    """Turn by 8 degrees; the corners stay black."""
    return np.asarray(Image.fromarray(picture).rotate(8, Image.Resampling.BILINEAR))


def _letterboxed(picture: Picture) -> Picture:
    """Fit into an upright 9:16 picture with black bars."""
    height, width = picture.shape[:2]
    upright = np.zeros((width, width * 9 // 16, 3), np.uint8)
    fitted = _resized(picture, upright.shape[1], height * upright.shape[1] // width)
    top = (upright.shape[0] - fitted.shape[0]) // 2
    upright[top : top + fitted.shape[0]] = fitted
    return upright


def _captioned(picture: Picture) -> Picture:
    """Burn a band of text into the lower part."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    top, bottom = int(image.height * 0.72), int(image.height * 0.9)
    draw.rectangle((0, top, image.width, bottom), fill="black")
    middle = (image.width / 2, (top + bottom) / 2)
    draw.text(middle, BURNT_IN, fill="yellow", font=ImageFont.load_default(image.height / 11), anchor="mm")
    return np.asarray(image)


def _noisy(clip: Clip, _other: Clip, chance: np.random.Generator) -> Clip:
    """Add grain to the pictures and hiss 15 dB under the sound."""

    def grained(picture: Picture) -> Picture:
        grain = chance.integers(-12, 13, (*picture.shape[:2], 1), np.int16)
        return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)

    hiss = chance.normal(0, _rms(clip.pcm) * 10 ** (-15 / 20), clip.pcm.size)
    return Clip(map(grained, clip.pictures), _to_int16(clip.pcm + hiss))


def _at_speed(speed: float) -> Change:
    """Return the edit that plays pictures and sound at ``speed``; the pitch stays."""

    def change(clip: Clip, _other: Clip, _chance: np.random.Generator) -> Clip:
        return Clip(_paced(clip.pictures, speed), _stretched(clip.pcm, speed))

    return change


def _paced(pictures: Iterator[Picture], speed: float) -> Iterator[Picture]:
    due = 0.0
    for index, picture in enumerate(pictures):
        while due <= index:
            yield picture
            due += speed


def _stretched(pcm: Pcm, speed: float) -> Pcm:
    """Return the sound at ``speed`` and its old pitch, by FFmpeg's overlap-add filter atempo."""
    if pcm.size == 0:
        return pcm
    graph = av.filter.Graph()
    nodes = graph.add_abuffer(sample_rate=RATE_HZ, format="s16", layout="mono"), graph.add("atempo", str(speed))
    graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    graph.push(frame)
    graph.push(None)
    parts = []
    with contextlib.suppress(av.error.EOFError):
        while True:
            parts.append(graph.pull().to_ndarray()[0])
    return np.concatenate(parts)


def _picture_in_picture(clip: Clip, other: Clip, _chance: np.random.Generator) -> Clip:
    """Show the copy at half its width in a corner of the other clip, both heard at once."""

    def placed(inner: Picture, outer: Picture) -> Picture:
        small, framed = _halved(inner), outer.copy()
        margin = 8
        framed[-small.shape[0] - margin : -margin, -small.shape[1] - margin : -margin] = small
        return framed

    n = min(clip.pcm.size, other.pcm.size)
    both = _to_int16(clip.pcm[:n].astype(np.float64) + 0.5 * other.pcm[:n])
    return Clip((placed(inner, outer) for inner, outer in zip(clip.pictures, other.pictures, strict=False)), both)


def _excerpt_inside_another(clip: Clip, other: Clip, chance: np.random.Generator) -> Clip:
    """Replace the middle of the other clip by a few seconds of this one."""
    n = int(EXCERPT_S * FPS)
    n_clip, n_other = (c.pcm.size // SAMPLES_PER_PICTURE for c in (clip, other))
    start, at = int(chance.integers(0, max(1, n_clip - n))), max(0, (n_other - n) // 2)
    pictures = chain(
        islice(other.pictures, at), islice(clip.pictures, start, start + n), islice(other.pictures, n, None)
    )
    start, at, n = (count * SAMPLES_PER_PICTURE for count in (start, at, n))
    excerpt = np.zeros(n, np.int16)
    heard = clip.pcm[start : start + n]
    excerpt[: heard.size] = heard  # silence where the clip has no sound
    return Clip(pictures, np.concatenate([other.pcm[:at], excerpt, other.pcm[at + n :]]))


def _sound_only(clip: Clip, other: Clip, _chance: np.random.Generator) -> Clip:
    """Put the sound under the other clip's pictures."""
    return Clip(islice(other.pictures, clip.pcm.size // SAMPLES_PER_PICTURE), clip.pcm)


def _silent(clip: Clip, _other: Clip, _chance: np.random.Generator) -> Clip:
    return Clip(clip.pictures, NO_SOUND)


def _sound_file(clip: Clip, _other: Clip, _chance: np.random.Generator) -> Clip:
    return Clip(iter(()), clip.pcm)


def _still(clip: Clip, _other: Clip, _chance: np.random.Generator) -> Clip:
    """Post one picture, a third into the clip."""
    return Clip(islice(clip.pictures, clip.pcm.size // SAMPLES_PER_PICTURE // 3, None), NO_SOUND)


def _rms(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) if pcm.size else 0.0


def _to_int16(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Pcm:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


_BOTH: frozenset[Modality] = frozenset({"visual", "audio"})
_VISUAL: frozenset[Modality] = frozenset({"visual"})
_AUDIO: frozenset[Modality] = frozenset({"audio"})

EDITS: dict[str, Edit] = {
    "unchanged": Edit("posted as it is", _per_picture(lambda picture: picture), _BOTH),
    "reencoded": Edit("re-encoded small and poor", _per_picture(_halved), _BOTH, Encoding(crf=38, audio_bps=24_000)),
    "cropped": Edit("cropped to 70 %", _cropped, _BOTH),
    "mirrored": Edit("mirrored", _per_picture(_mirrored), _BOTH),
    "captioned": Edit("text burnt in", _per_picture(_captioned), _BOTH),
    "grayscale": Edit("without colour", _per_picture(_grayed), _BOTH),
    "recoloured": Edit("colour filter", _per_picture(_recoloured), _BOTH),
    "rotated": Edit("turned by 8 degrees", _per_picture(_rotated), _BOTH),
    "letterboxed": Edit("letterboxed to 9:16", _per_picture(_letterboxed), _BOTH),
    "noisy": Edit("grain and hiss", _noisy, _BOTH, Encoding(crf=30)),
    "sped_up": Edit("sped up 1.25 times", _at_speed(1.25), _BOTH),
    "slowed_down": Edit("slowed down to 0.8", _at_speed(0.8), _BOTH),
    "picture_in_picture": Edit("picture in picture", _picture_in_picture, _BOTH),
    "excerpt_inside_another": Edit("6 s inside another video", _excerpt_inside_another, _BOTH),
    "silent": Edit("pictures without sound", _silent, _VISUAL),
    "still": Edit("one picture of it", _still, _VISUAL, suffix=".jpg"),
    "sound_only": Edit("its sound under other pictures", _sound_only, _AUDIO),
    "sound_file": Edit("its sound alone", _sound_file, _AUDIO, suffix=".m4a"),
}
"""Every edit by name."""
