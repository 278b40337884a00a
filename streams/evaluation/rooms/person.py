"""Person in a room: looks and gait drawn from a seed, a path with pauses, and a sprite for each moment."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from streams.evaluation.clips import FPS

_SCALE = 2
"""Supersampling of the sprite, against jagged edges."""
_STAYS, _MOVES = 0.4, 0.5
"""Share of people who stay where they are, and of the seconds in which an arm moves."""
_LEAST_HEIGHT, _MOST_HEIGHT = 0.3, 0.85
"""Height of a person at the far and at the near end of the floor, as a share of the picture's."""

type Sprite = npt.NDArray[np.float32]
"""RGB of 0-255 and opacity of 0-1, shape (height, width, 4)."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Colours and build."""

    skin: tuple[int, ...]
    hair: tuple[int, ...]
    top: tuple[int, ...]
    legs: tuple[int, ...]
    width: float
    """Of the trunk, as a share of the height."""
    stripe: int
    """Stripes on the top; 0 for none."""


@dataclass(frozen=True, slots=True)
class Path:
    """Place and gait at each picture, each of shape (n,)."""

    across: npt.NDArray[np.float64]
    """Of the feet, as a share of the width."""
    depth: npt.NDArray[np.float64]
    """0 at the far end of the floor, 1 at the near end."""
    stride: npt.NDArray[np.float64]
    """Phase of the steps, radians; it stands still in a pause."""
    gesture: npt.NDArray[np.float64]
    """Angle of the arms beside the steps, radians, shape (n, 2)."""
    steps: npt.NDArray[np.bool_]
    """Pictures at which a foot touches the floor."""


def looks(rng: np.random.Generator) -> Looks:
    """Return how one person looks."""
    skin = np.array([225, 180, 150]) * rng.uniform(0.35, 1.05)
    top, legs = (tuple(int(level) for level in rng.integers(15, 245, 3)) for _ in range(2))
    hair = tuple(int(level) for level in np.array([90, 60, 40]) * rng.uniform(0.1, 1.8))
    stripe = int(rng.integers(0, 7))
    return Looks(tuple(int(level) for level in skin), hair, top, legs, float(rng.uniform(0.16, 0.26)), stripe)


def path(n: int, rng: np.random.Generator) -> Path:
    """Return a path for n pictures: walks between random places with pauses of 0.5 to 6 s, or a person who stays."""
    stays = rng.uniform() < _STAYS
    here = np.array([rng.uniform(-0.1, 1.1) if not stays else rng.uniform(0.2, 0.8), rng.uniform()])
    places, moving = np.empty((n, 2)), np.zeros(n, np.bool_)
    at = 0
    while at < n:
        pause = int(rng.uniform(0.5, 6.0) * FPS * (4 if stays else 1))
        places[at : at + pause] = here
        at += pause
        there = np.array([rng.uniform(0.05, 0.95), rng.uniform()])
        walk = max(1, int(float(np.hypot(*(there - here))) / rng.uniform(0.12, 0.3) * FPS))
        share = np.linspace(0, 1, walk)[:, None][: max(0, n - at)]
        places[at : at + walk] = here + (there - here) * (3 * share**2 - 2 * share**3)
        moving[at : at + walk] = True
        at, here = at + walk, there
    stride = np.cumsum(moving * 2 * np.pi * rng.uniform(0.8, 1.2) / FPS)
    steps = np.diff(np.floor(stride / np.pi), prepend=0.0) > 0
    return Path(places[:, 0], places[:, 1], stride, _gestures(n, rng), steps)


def sprite(person: Looks, height: int, stride: float, gesture: npt.NDArray[np.float64]) -> Sprite:
    """Return the person `height` pixels tall; as wide as tall."""
    size = _SCALE * max(height, 8)
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    middle, hip, neck = 0.5 * size, 0.52 * size, 0.2 * size
    trunk, limb = person.width * size, max(2, int(0.07 * size))
    swing = 0.45 * np.sin(stride)
    for angle in (swing, -swing):
        foot = (middle + 0.44 * size * np.sin(angle), hip + 0.46 * size * np.cos(angle))
        draw.line([(middle, hip), foot], person.legs, int(1.3 * limb))
    draw.rounded_rectangle((middle - trunk / 2, neck, middle + trunk / 2, hip), limb, person.top)
    for number in range(person.stripe):
        y = neck + (hip - neck) * (number + 0.5) / person.stripe
        draw.line((middle - trunk / 2, y, middle + trunk / 2, y), person.legs, max(1, limb // 4))
    for side, angle in ((-1, gesture[0] - swing), (1, gesture[1] + swing)):
        shoulder = (middle + side * trunk / 2, neck + limb)
        hand = (shoulder[0] + side * 0.33 * size * np.sin(abs(angle)), shoulder[1] + 0.33 * size * np.cos(angle))
        draw.line([shoulder, hand], person.top, limb)
        draw.circle(hand, limb * 0.6, person.skin)
    nod = 0.02 * size * np.sin(gesture.sum())
    draw.circle((middle + nod, 0.12 * size), 0.085 * size, person.hair)
    draw.ellipse((middle + nod - 0.06 * size, 0.07 * size, middle + nod + 0.06 * size, 0.2 * size), person.skin)
    small = np.array(image.resize((size // _SCALE, size // _SCALE), Image.Resampling.BOX), np.float32)
    small[..., 3] /= 255
    return small


def pixels_tall(depth: float, height: int) -> int:
    """Return the height of a person at this depth of a picture of this height."""
    return int(height * (_LEAST_HEIGHT + (_MOST_HEIGHT - _LEAST_HEIGHT) * depth))


def _gestures(n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return angles of both arms: slow and quick waves, with phases of rest, shape (n, 2)."""
    times_s = np.arange(n) / FPS
    angles = np.full((n, 2), 0.15)
    for arm in range(2):
        moves = np.repeat(rng.uniform(0, 1, n // FPS + 2) < _MOVES, FPS)[:n]
        busy = np.convolve(moves, np.ones(FPS // 2) / (FPS // 2), "same")
        for _ in range(3):
            waves = np.sin(2 * np.pi * rng.uniform(0.2, 1.6) * times_s + rng.uniform(0, 6.3))
            angles[:, arm] += busy * rng.uniform(0.1, 0.7) * waves
    return angles
