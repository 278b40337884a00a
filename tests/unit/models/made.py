"""Synthetic pictures and sounds for the tests, of many shapes, colours and pitches."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

RATE_HZ = 8000


def picture(seed: int, size: tuple[int, int] = (480, 270)) -> Image.Image:
    """Return a drawing of coloured shapes on a gradient, different for each seed."""
    random = np.random.default_rng(seed)
    width, height = size
    corners = random.integers(0, 255, (2, 2, 3), dtype=np.uint8)
    image = Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        x, y = random.integers(0, width), random.integers(0, height)
        box = (int(x), int(y), int(x + random.integers(10, width // 3)), int(y + random.integers(10, height // 3)))
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        shapes: list[Callable[..., None]] = [draw.ellipse, draw.rectangle, draw.line]
        shapes[random.integers(0, 3)](box, fill=colour)
    return image


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def melody(seed: int, duration_s: float = 30.0) -> npt.NDArray[np.int16]:
    """Return notes of random pitch and length with overtones and some noise."""
    random = np.random.default_rng(seed)
    n_samples = int(duration_s * RATE_HZ)
    sound = random.normal(0, 0.01, n_samples)
    for _ in range(3):  # voices
        start = 0
        while start < n_samples:
            length = int(random.uniform(0.12, 0.7) * RATE_HZ)
            time_s = np.arange(min(length, n_samples - start)) / RATE_HZ
            pitch_hz = 110 * 2 ** (random.integers(0, 40) / 12)
            tone = sum(np.sin(2 * np.pi * pitch_hz * part * time_s) / part for part in range(1, 7))
            sound[start : start + len(time_s)] += random.uniform(0.2, 1) * tone * np.exp(-3 * time_s)
            start += length
    loud: npt.NDArray[np.int16] = (sound / np.abs(sound).max() * 20000).astype(np.int16)
    return loud
