"""Edits of reposts for training, on a whole batch at once.

Pictures are float32, values 0-255, shape (n, 3, side, side).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

N_CAPTIONS = 256
_WORDS = ["who is this", "follow", "for more", "part two", "link in bio", "do not share", "@somebody", "live now"]
_GREY = 0.2
"""Probability of a picture without colours: at a twentieth, copies in grey were the weakest of all (card.md)."""
_COARSE = (28, 40, 56, 80, 112)
"""Sides to which pictures are reduced and enlarged again."""
_LUMA = (0.299, 0.587, 0.114)
_LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of luma in the JPEG standard, annex K, at quality 50."""


@dataclass(frozen=True)
class Strength:
    """Probabilities and ranges of edits."""

    crop: float
    """Probability of a cut."""
    least_part: float
    """Least area of a cut."""
    odd: float
    """Factor on the probability of every other edit."""


LIGHT = Strength(crop=0.4, least_part=0.6, odd=0.15)
HEAVY = Strength(crop=0.7, least_part=0.18, odd=1.0)


class _Draw:
    """Random values, one for each picture of a batch."""

    def __init__(self, like: Tensor, odd: float) -> None:
        self.n, self.device, self._odd = len(like), like.device, odd

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(self.n, *(shape or (1, 1, 1)), device=self.device) * (high - low) + low

    def chance(self, probability: float, *shape: int) -> Tensor:
        return torch.rand(self.n, *(shape or (1, 1, 1)), device=self.device) < probability * self._odd

    def one_of(self, n: int, *shape: int) -> Tensor:
        return torch.randint(n, (self.n, *(shape or (1, 1, 1))), device=self.device)


def reposted(pictures: Tensor, others: Tensor, captions: Tensor, strength: Strength, side: int) -> Tensor:
    """Return an edited copy of each picture at the model's side.

    Parameters
    ----------
    pictures
        Shape (n, 3, size, size).
    others
        As many, which appear as backdrops and stickers.
    captions
        From `drawn_captions`, on the same device.
    """
    draw = _Draw(pictures, strength.odd)
    filmed = draw.chance(0.12)
    edited = _placed(draw, pictures.float(), others.float(), strength, filmed)
    edited = _covered(draw, edited, others.float())
    edited = _captioned(draw, edited, captions)
    edited = _recoloured(draw, edited)
    edited = torch.where(filmed, screened(edited, draw.uniform(0.04, 0.4), draw.uniform(0, math.pi)), edited)
    edited = _dimmed(draw, edited)
    edited = _coarsened(draw, edited)
    edited = torch.where(draw.chance(0.6), compressed(edited, draw.uniform(6, 70)), edited)
    return resized(edited, side)


def parts(pictures: Tensor) -> Tensor:
    """Return half of the pictures whole, the others cut, mirrored or turned: more different pictures than there are.

    Parameters
    ----------
    pictures
        uint8, shape (n, 3, size, size).
    """
    draw = _Draw(pictures, 1.0)
    zero = torch.zeros(draw.n, device=draw.device)
    half_x, half_y = _where(draw, 0.5, draw.uniform(0.6, 1.0, 2), zero[:, None] + 1).unbind(dim=1)
    at_x, at_y = (draw.uniform(-1, 1, 2) * (1 - torch.stack([half_x, half_y], dim=1))).unbind(dim=1)
    half_x = torch.where(draw.chance(0.5, 1)[:, 0], -half_x, half_x)
    cut = _matrix(half_x, zero, at_x, zero, half_y, at_y, zero, zero, zero + 1)
    return placed(pictures.float(), cut)[0]


def resized(pictures: Tensor, side: int) -> Tensor:
    """Return pictures at another side, smoothed as Pillow does."""
    small = functional.interpolate(pictures.float(), size=(side, side), mode="bilinear", antialias=True)
    return small.clamp(0, 255)


def placed(pictures: Tensor, homography: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures seen through maps of places (-1 to 1) of the result to places of the picture, and where they are.

    Parameters
    ----------
    homography
        float32, shape (n, 3, 3).
    """
    n, _, height, width = pictures.shape
    rows = torch.linspace(-1, 1, height, device=pictures.device)
    columns = torch.linspace(-1, 1, width, device=pictures.device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    flat = torch.stack([x.reshape(-1), y.reshape(-1), torch.ones(height * width, device=pictures.device)])
    seen = homography @ flat
    grid = (seen[:, :2] / seen[:, 2:].clamp(min=0.2)).transpose(1, 2).reshape(n, height, width, 2)
    inside = (grid.abs() <= 1).all(dim=3)[:, None]
    return functional.grid_sample(pictures, grid, "bilinear", "border", align_corners=False), inside


def _placed(draw: _Draw, pictures: Tensor, others: Tensor, strength: Strength, filmed: Tensor) -> Tensor:
    """Cut, mirror, turn, tilt, and shrink onto a backdrop."""
    one = torch.ones(draw.n, device=draw.device)
    cut = _where(draw, strength.crop / strength.odd, draw.uniform(strength.least_part, 1.0, 1).sqrt()[:, 0], one)
    stretch = _where(draw, 0.5, draw.uniform(-0.3, 0.3, 1).exp()[:, 0], one)
    half_x, half_y = (cut * stretch).clamp(max=1), (cut / stretch).clamp(max=1)
    at_x, at_y = (draw.uniform(-1, 1, 2).T * torch.stack([1 - half_x, 1 - half_y])).unbind()
    mirrored = torch.where(draw.chance(0.35, 1)[:, 0], -one, one)
    tilted = filmed.view(-1)
    angle = _where(draw, 0.2, draw.uniform(-0.3, 0.3, 1)[:, 0], 0 * one)
    angle = angle + torch.where(draw.chance(0.05, 1)[:, 0], (2 * draw.one_of(2, 1)[:, 0] - 1) * math.pi / 2, 0 * one)
    shrunk = torch.where(draw.chance(0.25, 1)[:, 0] | tilted, draw.uniform(0.55, 0.98, 1)[:, 0], one)
    free_x, free_y = (draw.uniform(-1, 1, 2).T * (1 - shrunk)).unbind()
    tilt = draw.uniform(-0.2, 0.2, 2).T * (tilted | draw.chance(0.06, 1)[:, 0])
    zero = 0 * one
    crop = _matrix(half_x * mirrored, zero, at_x, zero, half_y, at_y, zero, zero, one)
    turn = _matrix(angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one)
    shrink = _matrix(1 / shrunk, zero, -free_x / shrunk, zero, 1 / shrunk, -free_y / shrunk, tilt[0], tilt[1], one)
    seen, inside = placed(pictures, crop @ turn @ shrink)
    return torch.where(inside, seen, _backdrop(draw, pictures, others))


def _where(draw: _Draw, probability: float, value: Tensor, otherwise: Tensor) -> Tensor:
    chosen = draw.chance(probability, 1)
    return torch.where(chosen if value.ndim > 1 else chosen[:, 0], value, otherwise)


def _matrix(*cells: Tensor) -> Tensor:
    return torch.stack(cells, dim=1).view(-1, 3, 3)


def _backdrop(draw: _Draw, pictures: Tensor, others: Tensor) -> Tensor:
    """Return black, white, a colour, a blurred enlargement, or another picture."""
    size = pictures.shape[2:]
    blurred = functional.interpolate(functional.interpolate(pictures, size=(9, 9), mode="area"), size, mode="bilinear")
    kind, colour = draw.one_of(6), draw.uniform(0, 255, 3, 1, 1).expand_as(pictures)
    ground = torch.where(kind == 0, torch.zeros_like(colour), colour)
    ground = torch.where(kind == 1, torch.full_like(colour, 255), ground)
    ground = torch.where(kind == 2, blurred, ground)  # noqa: PLR2004
    return torch.where(kind >= 4, others, ground)  # noqa: PLR2004


def _covered(draw: _Draw, pictures: Tensor, others: Tensor) -> Tensor:
    """Cover a part by another picture, a colour or a blur."""
    scale = draw.uniform(0.12, 0.5, 2).T
    at = draw.uniform(-1, 1, 2).T * (1 - scale)
    zero, one = torch.zeros_like(at[0]), torch.ones_like(at[0])
    box = _matrix(1 / scale[0], zero, -at[0] / scale[0], zero, 1 / scale[1], -at[1] / scale[1], zero, zero, one)
    seen, inside = placed(others, box)
    kind = draw.one_of(4)
    plain = draw.uniform(0, 255, 3, 1, 1).expand_as(pictures)
    blurred = functional.interpolate(
        functional.interpolate(pictures, size=(14, 14), mode="area"), pictures.shape[2:], mode="nearest"
    )
    cover = torch.where(kind == 0, plain, torch.where(kind == 1, blurred, seen))
    return torch.where(inside & draw.chance(0.22), cover, pictures)


def drawn_captions(side: int, seed: int) -> Tensor:
    """Return captions, signs and bands: opacity and brightness, uint8, shape (N_CAPTIONS, 2, side, side)."""
    random, drawn = np.random.default_rng(seed), []
    for _ in range(N_CAPTIONS):
        opacity, value = Image.new("L", (side, side)), Image.new("L", (side, side))
        over, ink = ImageDraw.Draw(opacity), ImageDraw.Draw(value)
        for _ in range(random.integers(1, 4)):
            _draw_line(random, over, ink, side)
        drawn.append(np.stack([np.asarray(opacity), np.asarray(value)]))
    return torch.from_numpy(np.stack(drawn))


def _draw_line(random: np.random.Generator, over: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, side: int) -> None:
    text = " ".join(random.choice(_WORDS, random.integers(1, 6)))
    height = int(random.uniform(0.06, 0.16) * side)
    font = ImageFont.load_default(height)
    place = int(random.uniform(-0.1, 0.4) * side), int(random.uniform(0, 0.9) * side)
    if random.random() < 0.4:  # noqa: PLR2004 - a share
        band = (0, place[1] - side // 40, side, place[1] + int(height * 1.3))
        over.rectangle(band, fill=int(random.choice([140, 255])))
        ink.rectangle(band, fill=0)
    edge = int(random.integers(0, 3))
    over.text(place, text, fill=255, font=font, stroke_width=edge)
    ink.text(place, text, fill=255, font=font, stroke_width=edge, stroke_fill=0)


def _captioned(draw: _Draw, pictures: Tensor, captions: Tensor) -> Tensor:
    chosen = captions[torch.randint(len(captions), (draw.n,), device=draw.device)].float()
    opacity = chosen[:, :1] / 255 * draw.chance(0.3)
    colour = torch.where(draw.chance(0.6), torch.full_like(pictures[:, :, :1, :1], 255), draw.uniform(0, 255, 3, 1, 1))
    return pictures * (1 - opacity) + opacity * chosen[:, 1:] / 255 * colour


def _recoloured(draw: _Draw, pictures: Tensor) -> Tensor:
    """Change brightness, contrast, saturation, tint and gamma of some; lose the colours of a fifth."""
    grey = luma(pictures)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    changed = draw.chance(0.5)
    contrast, light = draw.uniform(0.55, 1.5), draw.uniform(-40, 40)
    edited = torch.where(changed, (pictures - mean) * contrast + mean + light, pictures)
    grey = luma(edited)
    edited = torch.where(draw.chance(0.35), grey + draw.uniform(0.2, 1.8) * (edited - grey), edited)
    edited = torch.where(draw.chance(_GREY), grey, edited)
    edited = torch.where(draw.chance(0.25), edited * draw.uniform(0.7, 1.3, 3, 1, 1), edited)
    edited = edited.clamp(0, 255)
    gamma = draw.uniform(-0.7, 0.7).exp()
    edited = torch.where(draw.chance(0.3), 255 * (edited / 255).clamp(min=1e-4).pow(gamma), edited)
    return torch.where(draw.chance(0.02), 255 - edited, edited)


def luma(pictures: Tensor) -> Tensor:
    """Return brightness, shape (n, 1, side, side)."""
    red, green, blue = pictures.split(1, dim=1)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def screened(pictures: Tensor, frequency: Tensor, angle: Tensor) -> Tensor:
    """Return pictures as filmed off a screen: moiré, dark corners, lifted black."""
    size = pictures.shape[2]
    ramp = torch.arange(size, device=pictures.device, dtype=torch.float32)
    along = ramp.view(1, 1, 1, -1) * angle.cos() + ramp.view(1, 1, -1, 1) * angle.sin()
    phase = torch.tensor([0.0, 1.0, 2.0], device=pictures.device).view(1, 3, 1, 1)
    lines = 1 + 0.12 * torch.sin(2 * math.pi * frequency * along + phase)
    around = torch.linspace(-1, 1, size, device=pictures.device)
    corners = 1 - 0.25 * (around.view(1, 1, 1, -1) ** 2 + around.view(1, 1, -1, 1) ** 2)
    return (25 + 0.85 * pictures * lines * corners).clamp(0, 255)


def _dimmed(draw: _Draw, pictures: Tensor) -> Tensor:
    """Return some pictures dark with noise, some by night vision, green or grey, some with noise only."""
    noise = torch.randn_like(pictures)
    dark = pictures * draw.uniform(0.12, 0.5) + draw.uniform(2, 9) * noise
    grey = luma(pictures)
    shade = torch.where(draw.chance(0.5), _planes(pictures, 0.25, 0.9, 0.3), _planes(pictures, 0.9, 0.9, 0.9))
    night = (grey * draw.uniform(0.4, 1.0) + 20) * shade + draw.uniform(5, 25) * noise[:, :1]
    noisy = pictures + draw.uniform(3, 25) * noise
    kind = torch.rand(draw.n, 1, 1, 1, device=draw.device)
    kind = torch.where(draw.chance(0.4), kind, torch.full_like(kind, 2))
    edited = torch.where(kind < 0.35, dark, pictures)  # noqa: PLR2004 - shares
    edited = torch.where((kind >= 0.35) & (kind < 0.6), night, edited)  # noqa: PLR2004
    return torch.where((kind >= 0.6) & (kind <= 1), noisy, edited).clamp(0, 255)  # noqa: PLR2004


def _planes(like: Tensor, *shares: float) -> Tensor:
    return torch.tensor(shares, device=like.device).view(1, 3, 1, 1)


def _coarsened(draw: _Draw, pictures: Tensor) -> Tensor:
    """Blur or sharpen some pictures, and lose the detail of some by a smaller size."""
    size = pictures.shape[2:]
    smooth = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    sharp = (pictures + draw.uniform(0.3, 1.5) * (pictures - smooth)).clamp(0, 255)
    edited = torch.where(draw.chance(0.12), sharp, pictures)
    chosen = torch.where(draw.chance(0.4), draw.one_of(len(_COARSE)), -1)
    coarse = edited
    for index, side in enumerate(_COARSE):
        low = functional.interpolate(edited, size=(side, side), mode="area")
        coarse = torch.where(chosen == index, functional.interpolate(low, size, mode="bilinear"), coarse)
    return coarse


def compressed(pictures: Tensor, quality: Tensor) -> Tensor:
    """Return pictures after JPEG of a quality between 1 and 100, colour at half size; sides divisible by 16."""
    red, green, blue = pictures.split(1, dim=1)
    light = luma(pictures)
    colours = torch.cat([0.564 * (blue - light), 0.713 * (red - light)], dim=1)
    steps = torch.where(quality < 50, 50 / quality, 2 - quality / 50)  # noqa: PLR2004 - the standard's formula
    table = torch.tensor(_LUMA_STEPS, device=pictures.device, dtype=torch.float32)
    table = (table * steps.view(-1, 1, 1, 1, 1, 1)).clamp(min=1)
    light = _quantised(light - 128, table) + 128
    small = _quantised(functional.avg_pool2d(colours, 2), table * 1.3)
    blue, red = functional.interpolate(small, scale_factor=2, mode="bilinear").split(1, dim=1)
    blue, red = light + blue / 0.564, light + red / 0.713
    green = (light - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return torch.cat([red, green, blue], dim=1).clamp(0, 255)


def _quantised(planes: Tensor, table: Tensor) -> Tensor:
    """Return planes whose blocks of 8 x 8 have rounded cosine coefficients."""
    n, channels, height, width = planes.shape
    index = torch.arange(8, device=planes.device, dtype=torch.float32)
    cosine = torch.cos((2 * index + 1) * index[:, None] * math.pi / 16) / 2
    cosine[0] /= math.sqrt(2)
    blocks = planes.view(n, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    rounded = torch.round(cosine @ blocks @ cosine.T / table) * table
    return (cosine.T @ rounded @ cosine).transpose(3, 4).reshape(n, channels, height, width)
