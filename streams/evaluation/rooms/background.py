"""Still picture of a room: walls, floor, furniture and light drawn from a seed, or a photograph in low light."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageOps

WIDTH, HEIGHT = 480, 270
_PHOTOGRAPHED, _MIRRORED, _STRIPED = 0.5, 0.5, 0.4
"""Shares of rooms with a photograph, of photographs, and of walls."""

type Light = npt.NDArray[np.float32]
"""Values 0-255 at full exposure, shape (HEIGHT, WIDTH, 3)."""
type Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""


def background(photographs: Sequence[Path], rng: np.random.Generator) -> Light:
    """Return a room in dim light, of a photograph for every other room if there are some."""
    image = _cropped(photographs, rng) if photographs and rng.uniform() < _PHOTOGRAPHED else _drawn(rng)
    picture = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float32)
    return np.asarray(picture * _illumination(rng), np.float32)


def _cropped(photographs: Sequence[Path], rng: np.random.Generator) -> Image.Image:
    image = Image.open(photographs[int(rng.integers(len(photographs)))]).convert("RGB")
    place = (float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.3, 0.7)))
    fitted = ImageOps.fit(image, (WIDTH, HEIGHT), centering=place)
    return ImageOps.mirror(fitted) if rng.uniform() < _MIRRORED else fitted


def _drawn(rng: np.random.Generator) -> Image.Image:
    """Draw a room seen from a corner of the ceiling or from a shelf."""
    left, right = rng.uniform(0.08, 0.3) * WIDTH, rng.uniform(0.7, 0.92) * WIDTH
    top, bottom = rng.uniform(0.02, 0.18) * HEIGHT, rng.uniform(0.5, 0.68) * HEIGHT
    wall = _textured(rng.integers(90, 220, 3), rng)
    floor = _textured(rng.integers(50, 170, 3), rng, stripes=float(rng.uniform(4, 18)))
    image = wall.copy()
    inner = (left, bottom, right, bottom)
    image.paste(floor, mask=_polygon([inner[:2], inner[2:], (WIDTH, HEIGHT), (0, HEIGHT)]))
    for side, edge in ((0.0, left), (float(WIDTH), right)):
        corners = [(side, -40.0), (edge, top), (edge, bottom), (side, HEIGHT + 20.0)]
        image.paste(_textured(rng.integers(70, 200, 3), rng), mask=_polygon(corners))
    image.paste(
        _textured(rng.integers(150, 240, 3), rng), mask=_polygon([(0, 0), (WIDTH, 0), (right, top), (left, top)])
    )
    for _ in range(int(rng.integers(1, 5))):
        _on_wall(image, (left, top, right, bottom), rng)
    for _ in range(int(rng.integers(3, 8))):
        _furniture(image, bottom, rng)
    return image


def _on_wall(image: Image.Image, wall: Box, rng: np.random.Generator) -> None:
    """Hang a window, a poster or a shelf of books on the back wall."""
    left, top, right, bottom = wall
    width, height = rng.uniform(0.12, 0.35) * (right - left), rng.uniform(0.2, 0.5) * (bottom - top)
    x, y = rng.uniform(left, right - width), rng.uniform(top, bottom - height)
    draw, kind = ImageDraw.Draw(image), int(rng.integers(3))
    if kind == 0:
        draw.rectangle((x, y, x + width, y + height), tuple(rng.integers(200, 256, 3).tolist()), "white", 3)
        draw.line((x + width / 2, y, x + width / 2, y + height), "white", 3)
    elif kind == 1:
        image.paste(_pattern(int(width), int(height), rng), (int(x), int(y)))
    else:
        for at in np.arange(x, x + width, 6):
            book = (at, y + rng.uniform(0, 0.4) * height, at + 4, y + height)
            draw.rectangle(book, tuple(rng.integers(30, 220, 3).tolist()))
        draw.rectangle((x - 4, y + height, x + width + 4, y + height + 3), "black")


def _furniture(image: Image.Image, horizon: float, rng: np.random.Generator) -> None:
    """Put a bed, table or cupboard on the floor: a box with a lighter top."""
    foot = rng.uniform(horizon + 8, HEIGHT)
    size = 0.35 + 1.1 * (foot - horizon) / (HEIGHT - horizon)
    width, height = rng.uniform(40, 130) * size, rng.uniform(18, 75) * size
    x, y, depth = rng.uniform(-30, WIDTH - 30), foot - height, 10 * size
    colour = rng.integers(30, 190, 3)
    draw = ImageDraw.Draw(image)
    front = _textured(colour, rng).crop((0, 0, int(width), int(height)))
    image.paste(front, (int(x), int(y)))
    lit = tuple(np.minimum(colour + 40, 255).tolist())
    draw.polygon([(x, y), (x + depth, y - depth), (x + width - depth, y - depth), (x + width, y)], lit)
    draw.line((x, foot, x + width, foot), "black", 2)
    for _ in range(int(rng.integers(0, 3))):
        at, tall = x + rng.uniform(0, width), rng.uniform(6, 20) * size
        draw.rectangle((at, y - tall, at + tall / 2, y), tuple(rng.integers(20, 250, 3).tolist()))


def _textured(colour: npt.NDArray[np.int64], rng: np.random.Generator, stripes: float = 0.0) -> Image.Image:
    """Return a full picture of one colour with stains, grain and stripes."""
    plain = 0.35 * colour + 0.65 * colour.mean()
    stains = sum(_clouds(cells, rng) for cells in (3, 9, 40)) * rng.uniform(3, 10)
    grain = rng.normal(0, 3, (HEIGHT, WIDTH))
    period = stripes or (rng.uniform(8, 40) if rng.uniform() < _STRIPED else 1e6)
    lines = rng.uniform(3, 14) * np.sign(np.sin(2 * np.pi * np.arange(WIDTH) / period))
    shade = (stains + grain + lines)[..., None]
    return Image.fromarray(np.asarray(np.clip(plain + shade, 0, 255), np.uint8))


def _pattern(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Return a poster: a few blurred blocks of colour."""
    blocks = rng.integers(0, 256, (int(rng.integers(2, 7)), int(rng.integers(2, 6)), 3)).astype(np.uint8)
    return Image.fromarray(blocks).resize((max(width, 2), max(height, 2)), Image.Resampling.BICUBIC)


def _clouds(cells: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return smooth noise of unit variance in `cells` cells a side, shape (HEIGHT, WIDTH)."""
    coarse = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32), "F")
    return np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)


def _illumination(rng: np.random.Generator) -> Light:
    """Return gains of 0.08-0.9 from one or two lamps and a dim rest, with a tint."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    gains = np.full((HEIGHT, WIDTH), rng.uniform(0.12, 0.3), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        x, y, reach = rng.uniform(0, WIDTH), rng.uniform(0, 0.7 * HEIGHT), rng.uniform(0.25, 0.8) * WIDTH
        gains += np.float32(rng.uniform(0.2, 0.6)) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / reach**2)
    return np.asarray(gains[..., None] * rng.uniform(0.8, 1.1, 3), np.float32)


def _polygon(corners: Sequence[tuple[float, float]]) -> Image.Image:
    mask = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).polygon(list(corners), 255)
    return mask
