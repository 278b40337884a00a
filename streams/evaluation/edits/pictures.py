"""Edits of each picture: crops, rotations, colours, blur, overlays, filming from a screen."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from streams.evaluation.clips import FPS, Clip, Picture
from streams.evaluation.edits.edit import Change, resized, rms, to_int16

BURNT_IN = "FULL VIDEO -> link in bio"
_WARM = [round(255 * (level / 255) ** gamma) for gamma in (0.7, 0.85, 1.1) for level in range(256)]
"""Lookup table of Pillow, 3 x 256 levels: one gamma for each channel."""


def halved(picture: Picture) -> Picture:
    """Return the picture at half its width and height."""
    return resized(picture, picture.shape[1] // 2, picture.shape[0] // 2)


def shrunk(width: int) -> Callable[[Picture], Picture]:
    """Return the change to this width in pixels, as from old phones."""
    return lambda picture: resized(picture, width, width * picture.shape[0] // picture.shape[1])


def cropped(share: float) -> Callable[[np.random.Generator], Callable[[Picture], Picture]]:
    """Keep a random window of this share of width and height, scaled to the original size."""

    def draw(rng: np.random.Generator) -> Callable[[Picture], Picture]:
        down, right = rng.uniform(0, 1 - share, 2)

        def window(picture: Picture) -> Picture:
            height, width = picture.shape[:2]
            top, left = int(down * height), int(right * width)
            return resized(picture[top : top + int(share * height), left : left + int(share * width)], width, height)

        return window

    return draw


def mirrored(picture: Picture) -> Picture:
    """Swap left and right."""
    return picture[:, ::-1]


def grayed(picture: Picture) -> Picture:
    """Remove the colour."""
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def recoloured(picture: Picture) -> Picture:
    """Warm the colours and lift the shadows, as phone filters do."""
    return np.asarray(Image.fromarray(picture).point(_WARM))


def blurred(picture: Picture) -> Picture:
    """Blur as simple filters against detection do."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(picture.shape[1] / 160)))


def rotated(degrees: float) -> Callable[[Picture], Picture]:
    """Turn counter-clockwise; the corners stay black."""
    return lambda picture: np.asarray(Image.fromarray(picture).rotate(degrees, Image.Resampling.BILINEAR))


def quarter_turned(picture: Picture) -> Picture:
    """Turn by 90 degrees."""
    return np.rot90(picture)


def captioned(picture: Picture) -> Picture:
    """Burn a band of text into the lower part."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    top, bottom = int(image.height * 0.72), int(image.height * 0.9)
    draw.rectangle((0, top, image.width, bottom), fill="black")
    middle = (image.width / 2, (top + bottom) / 2)
    draw.text(middle, BURNT_IN, fill="yellow", font=ImageFont.load_default(image.height / 11), anchor="mm")
    return np.asarray(image)


def darkened(picture: Picture) -> Picture:
    """Turn the brightness down to a third."""
    return np.asarray(picture // 3, np.uint8)


def night_vision(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Show it green on black with grain, as cameras with infrared light and filters of apps do."""
    tint = np.array([0.25, 1.0, 0.35])
    grain = rng.normal(0, 10, 1_000_003)

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        gray = np.asarray(Image.fromarray(picture).convert("L"), np.float64)
        start = int(rng.integers(grain.size // 2))
        lifted = 255 * (gray / 255) ** 0.6 * _vignette(height, width)
        noise = np.resize(grain[start:], height * width).reshape(height, width)
        return np.asarray(np.clip((lifted + noise)[..., None] * tint, 0, 255), np.uint8)

    return replace(clip, pictures=map(change, clip.pictures))


def zoomed(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Zoom slowly to a random place, by up to 1.6 within 20 s, and stay there."""
    down, right = rng.uniform(0.2, 0.8, 2)

    def zoom(numbered: tuple[int, Picture]) -> Picture:
        number, picture = numbered
        height, width = picture.shape[:2]
        share = 1 / (1 + 0.6 * min(1.0, number / (20 * FPS)))
        top, left = int(down * (1 - share) * height), int(right * (1 - share) * width)
        return resized(picture[top : top + int(share * height), left : left + int(share * width)], width, height)

    return replace(clip, pictures=map(zoom, enumerate(clip.pictures)))


def covered(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Cover a third of the picture with one box of text."""
    left, top = rng.uniform(0, 0.45), rng.uniform(0, 0.35)
    fill = tuple(rng.integers(0, 256, 3).tolist())

    def cover(picture: Picture) -> Picture:
        image = Image.fromarray(picture)
        x, y, width, height = left * image.width, top * image.height, 0.55 * image.width, 0.62 * image.height
        draw = ImageDraw.Draw(image)
        draw.rectangle((x, y, x + width, y + height), fill=fill)
        font = ImageFont.load_default(image.height / 12)
        draw.multiline_text((x + 9, y + 9), "JOIN US\nfull set\n@more_here", "white", font)
        return np.asarray(image)

    return cover


def mostly_covered(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Cover 40 % of the picture with a box over the upper, lower, left or right part."""
    side, fill = int(rng.integers(4)), tuple(rng.integers(0, 256, 3).tolist())
    left, top, right, bottom = ((0, 0, 1, 0.4), (0, 0.6, 1, 1), (0, 0, 0.4, 1), (0.6, 0, 1, 1))[side]

    def cover(picture: Picture) -> Picture:
        image = Image.fromarray(picture)
        corner = (left * image.width, top * image.height)
        draw = ImageDraw.Draw(image)
        draw.rectangle((*corner, right * image.width, bottom * image.height), fill=fill)
        draw.multiline_text((corner[0] + 9, corner[1] + 9), "more here", "white", ImageFont.load_default(20))
        return np.asarray(image)

    return cover


def stickered(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Add eight coloured discs and polygons."""
    places, colours = rng.uniform(0, 1, (8, 2)), rng.integers(60, 256, (8, 3))

    def stick(picture: Picture) -> Picture:
        image = Image.fromarray(picture)
        draw, radius = ImageDraw.Draw(image), image.height * 0.085
        for number, ((x, y), colour) in enumerate(zip(places, colours.tolist(), strict=True)):
            circle = (x * image.width, y * image.height, radius)
            if number % 2:
                draw.regular_polygon(circle, 3 + number, fill=tuple(colour), outline="white")
            else:
                draw.circle(circle[:2], radius, fill=tuple(colour), outline="black")
        return np.asarray(image)

    return stick


def noisy(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Add grain to the pictures and hiss 15 dB under the sound."""

    def grained(picture: Picture) -> Picture:
        grain = rng.integers(-12, 13, (*picture.shape[:2], 1), np.int16)
        return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)

    hiss = rng.normal(0, rms(clip.pcm) * 10 ** (-15 / 20), clip.pcm.size)
    return replace(clip, pictures=map(grained, clip.pictures), pcm=to_int16(clip.pcm + hiss))


def filmed(sound: Change) -> Change:
    """Return the edit that films a screen by hand: perspective, shake, stripes, flicker, glare, grain.

    `sound` edits its sound as the room does.
    """

    def change(clip: Clip, other: Clip, rng: np.random.Generator) -> Clip:
        corners, period, tilt = rng.uniform(0.02, 0.10, (4, 2)), rng.uniform(5, 9), rng.uniform(-0.4, 0.4)
        gain, lift = rng.uniform(0.75, 1.1), rng.uniform(5, 35)
        flicker, beat = rng.uniform(0.03, 0.12), rng.uniform(0.2, 1.5)
        rows, number = np.arange(1024)[:, None, None] / 512, 0
        grain, shake = rng.normal(lift, 5, 1_000_003).astype(np.int16), np.zeros((4, 2))

        def film(picture: Picture) -> Picture:
            nonlocal shake, number
            number += 1
            shake = 0.9 * shake + rng.normal(0, 0.0015, (1, 2))
            warped = np.asarray(_perspective(Image.fromarray(picture), corners + shake), np.uint16)
            striped = (warped * _stripes(*picture.shape[:2], period, tilt, gain) >> 7).astype(np.int16)
            start = int(rng.integers(grain.size - picture.size // 3)) if grain.size > picture.size // 3 else 0
            # The screen and the camera refresh at different rates, so that a darker band rolls over the picture.
            band = 1 + flicker * np.sin(2 * np.pi * (np.resize(rows, (picture.shape[0], 1, 1)) + beat * number / FPS))
            striped = (striped * band).astype(np.int16)
            flat = np.resize(grain[start:], picture.size // 3)
            return np.asarray(np.clip(striped + flat.reshape(*picture.shape[:2], 1), 0, 255), np.uint8)

        recorded = sound(clip, other, rng)
        return replace(recorded, pictures=map(film, recorded.pictures))

    return change


@lru_cache(maxsize=4)
def _stripes(height: int, width: int, period: float, tilt: float, gain: float) -> npt.NDArray[np.uint16]:
    """Return the moiré of a screen as gains in 1/128, uint16 (height, width, 1)."""
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    waves = 1 + 0.08 * np.sin(2 * np.pi * (columns + tilt * rows) / period)
    return np.rint(128 * gain * waves).astype(np.uint16)[..., None]


@lru_cache(maxsize=4)
def _vignette(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return gains of 1 in the middle to 0.3 in the corners, shape (height, width)."""
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return np.asarray(1 - 0.35 * (rows**2 + columns**2))


_CORNERS = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])


def _perspective(image: Image.Image, inset: npt.NDArray[np.float64]) -> Image.Image:
    """Draw the image into a quadrangle whose corners are `inset` shares of the size inside the frame's."""
    size = np.array(image.size)
    source = _CORNERS * size
    target = source + np.where(_CORNERS == 0, inset, -inset) * size
    rows = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    wanted = np.linalg.solve(np.array(rows, np.float64), source.reshape(-1).astype(np.float64))
    coefficients = tuple(wanted.tolist())
    return image.transform(image.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
