"""Rendered recordings of rooms under a fixed camera: many of one room, alike in everything but what moves.

A photograph is the room. One or two figures, each a body with a head and two arms, walk, stay, turn and gesture by a
random process with pauses. The camera adds dim light, noise, slow changes of exposure and the tremor of a shelf.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from streams.evaluation.clips import FPS, Picture

WIDTH, HEIGHT = 480, 270
Real = npt.NDArray[np.floating]


def recording(room: Path, seconds: float, room_seed: int, seed: int) -> Iterator[Picture]:
    """Yield the pictures of one recording, at FPS.

    Parameters
    ----------
    room
        A photograph.
    room_seed
        Seed of what all recordings of the room share: the crop of the photograph, its light and its camera's noise.
    seed
        Seed of the people before the camera.
    """
    of_room, rng = np.random.default_rng(room_seed), np.random.default_rng([room_seed, seed])
    back, light, noise = _background(room, of_room), of_room.uniform(0.25, 0.8), of_room.uniform(1.0, 6.0)
    n = round(seconds * FPS)
    figures = [_figure(n, rng) for _ in range(int(rng.integers(1, 3)))]
    exposure = 1.0 + 0.06 * _smooth(rng.standard_normal(n), 2.0)
    for step in range(n):
        picture = back.copy()
        for figure in figures:
            _draw(picture, [part[step] for part in figure[0]], figure[1])
        picture *= light * exposure[step]
        picture += noise * rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
        yield np.clip(picture, 0, 255).astype(np.uint8)


def _background(room: Path, rng: np.random.Generator) -> Real:
    image = Image.open(room).convert("RGB")
    share = rng.uniform(0.6, 1.0)
    width = int(share * min(image.width, image.height * WIDTH / HEIGHT))
    height = width * HEIGHT // WIDTH
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    crop = image.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return np.asarray(crop, np.float32)


type Part = Real
"""Centre, half-axes of an ellipse at each step: x, y, half width, half height; shape (n, 4)."""


def _figure(n: int, rng: np.random.Generator) -> tuple[list[Part], list[Real]]:
    """Return the parts of a figure along its path, and their colours."""
    size = rng.uniform(0.5, 1.1) * HEIGHT
    moving = _pauses(n, rng)
    x = rng.uniform(0.2, 0.8) * WIDTH + np.cumsum(moving * _wander(n, 1.0, 2.5, rng))
    y = rng.uniform(0.5, 0.7) * HEIGHT + np.cumsum(moving * _wander(n, 1.0, 0.6, rng))
    x = WIDTH * (0.5 + 0.45 * np.sin((x / WIDTH - 0.5) * 2.2))  # stays before the camera
    lean = size * 0.06 * _smooth(rng.standard_normal(n), 0.5)
    body = _part(x, y, size * 0.16, size * 0.32)
    head = _part(x + lean, y - size * 0.4, size * 0.08, size * 0.1)
    arms = [_arm((x, y), size, side, moving, rng) for side in (-1, 1)]
    cloth, skin = rng.uniform(10, 240, 3).astype(np.float32), np.array([200, 150, 120], np.float32)
    return [body, head, *arms], [cloth, skin, cloth * 0.8, cloth * 0.8]


def _arm(at: tuple[Real, Real], size: float, side: int, moving: Real, rng: np.random.Generator) -> Part:
    x, y = at
    gesture = _pauses(len(x), rng) * _smooth(rng.standard_normal(len(x)), 0.25)
    swing = size * 0.12 * (gesture + moving * np.sin(np.arange(len(x)) * rng.uniform(0.25, 0.5)))
    lift = size * 0.12 * np.abs(gesture)
    return _part(x + side * size * 0.18 + swing, y - lift, size * 0.06, size * 0.2)


def _part(x: Real, y: Real, across: float, down: float) -> Part:
    return np.stack([x, y, np.full_like(x, across), np.full_like(x, down)], axis=1).astype(np.float32)


def _draw(picture: Real, parts: list[Real], colours: list[Real]) -> None:
    for (x, y, across, down), colour in zip(parts, colours, strict=True):
        left, right = max(0, int(x - across - 2)), min(WIDTH, int(x + across + 3))
        top, bottom = max(0, int(y - down - 2)), min(HEIGHT, int(y + down + 3))
        if left >= right or top >= bottom:
            continue
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
        inside = 1.0 - ((columns - x) / across) ** 2 - ((rows - y) / down) ** 2
        cover = np.clip(inside * across / 2, 0.0, 1.0)[..., None]
        folds = 1.0 + 0.25 * np.sin((columns - x) / 6 + (rows - y) / 9)[..., None]
        patch = picture[top:bottom, left:right]
        patch += cover * (colour * folds - patch)


def _pauses(n: int, rng: np.random.Generator) -> Real:
    """Return 0 in pauses and 1 while moving, with soft edges; each lasts one to four seconds."""
    state, steps = np.zeros(n, np.float32), 0
    on = bool(rng.integers(2))
    while steps < n:
        length = int(rng.uniform(0.7, 4.0) * FPS)
        state[steps : steps + length] = on
        steps, on = steps + length, not on
    return np.convolve(state, np.full(7, 1 / 7), "same").astype(np.float32)


def _wander(n: int, seconds: float, speed: float, rng: np.random.Generator) -> Real:
    return speed * _smooth(rng.standard_normal(n), seconds)


def _smooth(values: npt.NDArray[np.float64], seconds: float) -> Real:
    """Return noise low-passed to this duration, of deviation 1."""
    half = int(3 * seconds * FPS)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / (seconds * FPS)) ** 2)
    padded = np.convolve(np.resize(values, len(values) + 2 * half), kernel, "valid")
    return (padded / (padded.std() + 1e-9)).astype(np.float32)
