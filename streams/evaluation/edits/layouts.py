"""Edits of the layout: bars, borders, captions beside the picture, other videos, portrait formats."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from streams.evaluation.clips import Clip, Pcm, Picture
from streams.evaluation.edits.edit import Change, resized, rms, to_int16
from streams.evaluation.edits.pictures import halved

type Join = Callable[[Picture, Picture], Picture]
"""Function of the copy's picture and the other's, both of one size, that returns the composed picture."""


def letterboxed(picture: Picture) -> Picture:
    """Fit into a 9:16 portrait with black bars."""
    height, width = picture.shape[:2]
    return _onto(np.zeros((width, width * 9 // 16, 3), np.uint8), picture, height / width)


def pillarboxed(picture: Picture) -> Picture:
    """Fit into 21:9, or wider if the picture needs it, with black bars left and right."""
    height, width = picture.shape[:2]
    framed = np.zeros((height, max(height * 21 // 9, width * 9 // 8) // 2 * 2, 3), np.uint8)
    left = (framed.shape[1] - width) // 2
    framed[:, left : left + width] = picture
    return framed


def bordered(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Add a coloured border of 8 to 20 % of each side."""
    share, colour = rng.uniform(0.08, 0.2), rng.integers(0, 256, 3)

    def border(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        framed = np.full((height, width, 3), colour, np.uint8)
        top, left = int(share * height), int(share * width)
        framed[top : height - top, left : width - left] = resized(picture, width - 2 * left, height - 2 * top)
        return framed

    return border


def meme_framed(picture: Picture) -> Picture:
    """Put the picture on white between a line of text above and one below."""
    height, width = picture.shape[:2]
    band = int(0.32 * height)
    image = Image.new("RGB", (width, height + 2 * band), "white")
    image.paste(Image.fromarray(picture), (0, band))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height / 9)
    draw.text((width / 2, band / 2), "when she finds out", "black", font, anchor="mm")
    draw.text((width / 2, height + 1.5 * band), "link below. save it", "black", font, anchor="mm")
    return np.asarray(image)


def upright_blurred(picture: Picture) -> Picture:
    """Fit into 9:16 over a blurred enlargement of itself."""
    height, width = picture.shape[:2]
    behind = Image.fromarray(upright_cropped(picture)).resize((width * 9 // 16 // 8, width // 8))
    back = behind.filter(ImageFilter.GaussianBlur(3)).resize((width * 9 // 16, width), Image.Resampling.BILINEAR)
    return _onto(np.array(back), picture, height / width)


def upright_cropped(picture: Picture) -> Picture:
    """Keep the middle in 9:16."""
    height, width = picture.shape[:2]
    kept = height * 9 // 16
    left = (width - kept) // 2
    return np.ascontiguousarray(picture[:, left : left + kept])


def upright_off_centre(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Keep 9:16 left or right of the middle."""
    share = float(rng.choice([rng.uniform(0, 0.3), rng.uniform(0.7, 1)]))

    def cut(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        kept = min(width, height * 9 // 16)
        left = int(share * (width - kept))
        return np.ascontiguousarray(picture[:, left : left + kept])

    return cut


def beside(join: Join) -> Change:
    """Return the edit that shows copy and other video together with both sounds, the other's at lower volume."""

    def change(clip: Clip, other: Clip, _rng: np.random.Generator) -> Clip:
        return replace(clip, pictures=_joined(join, clip, other), pcm=mixed(clip.pcm, other.pcm))

    return change


def in_corner(inner: Picture, outer: Picture) -> Picture:
    """Show the copy at half its width in the lower right corner."""
    small, framed = halved(inner), outer.copy()
    margin = 8
    framed[-small.shape[0] - margin : -margin, -small.shape[1] - margin : -margin] = small
    return framed


def stacked(inner: Picture, outer: Picture) -> Picture:
    """Show the copy above the other, three quarters of the width of each."""
    width = inner.shape[1]
    middle = slice(width // 8, width - width // 8)
    return np.concatenate([inner[:, middle], outer[:, middle]])


def side_by_side(inner: Picture, outer: Picture) -> Picture:
    """Show the middle half of the copy left of the other's."""
    width = inner.shape[1]
    middle = slice(width // 4, width // 4 + width // 2)
    return np.concatenate([inner[:, middle], outer[:, middle]], axis=1)


def reacted_to(inner: Picture, outer: Picture) -> Picture:
    """Show the other video left, and the copy at two fifths of the width right of it, on a plain ground."""
    height, width = outer.shape[:2]
    framed = np.full((height, width, 3), 24, np.uint8)
    large, small = width * 58 // 100, width * 40 // 100
    left = (width - large) // 2
    framed[:, :large] = outer[:, left : left + large]
    fitted = resized(inner, small, small * inner.shape[0] // inner.shape[1])
    top = (height - fitted.shape[0]) // 3
    framed[top : top + fitted.shape[0], width - small :] = fitted
    return framed


def anywhere(clip: Clip, other: Clip, rng: np.random.Generator) -> Clip:
    """Show the copy at 25 to 60 % of the width, anywhere over the other video, with both sounds."""
    share, down, right = rng.uniform(0.25, 0.6), rng.uniform(), rng.uniform()

    def join(inner: Picture, outer: Picture) -> Picture:
        height, width = outer.shape[:2]
        small = resized(inner, int(share * width), int(share * height))
        top, left = int(down * (height - small.shape[0])), int(right * (width - small.shape[1]))
        framed = outer.copy()
        framed[top : top + small.shape[0], left : left + small.shape[1]] = small
        return framed

    return replace(clip, pictures=_joined(join, clip, other), pcm=mixed(clip.pcm, other.pcm))


def mixed(pcm: Pcm, other: Pcm) -> Pcm:
    """Return both sounds mixed, the other at most half as loud and cut or padded to the first's length."""
    under = np.zeros(pcm.size)
    under[: other.size] = other[: pcm.size]
    # A loud film beside a quiet copy would mask it.
    gain = 0.5 * min(1.0, rms(pcm) / max(rms(other), 1.0))
    return to_int16(pcm + gain * under)


def _joined(join: Join, clip: Clip, other: Clip) -> Iterator[Picture]:
    """Yield the composed pictures; the other's last picture is repeated if it ends first."""
    last: Picture | None = None
    for inner, outer in zip(clip.pictures, chain(other.pictures, repeat(None)), strict=False):
        last = outer if outer is not None else last
        if last is None:
            raise ValueError("the other video has no pictures")
        fitted = last if last.shape == inner.shape else resized(last, inner.shape[1], inner.shape[0])
        yield join(inner, fitted)


def _onto(back: Picture, picture: Picture, aspect: float) -> Picture:
    """Fit the picture to the width of another, centred vertically."""
    width = back.shape[1]
    fitted = resized(picture, width, int(width * aspect))
    top = (back.shape[0] - fitted.shape[0]) // 2
    back[top : top + fitted.shape[0]] = fitted
    return back
