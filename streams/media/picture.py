"""Pictures as they leave the sandbox: small upright JPEG, and thumbnails that show nothing. Runs in the sandbox."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

Pixels = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

_QUALITY = 85
_BLUR_WIDTH = 24
_BLUR_RADIUS = 1.5
_THUMBNAIL_WIDTH = 64
_THUMBNAIL_QUALITY = 50


def small_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Return width and height scaled down so that the short side is at most short_side; never up, never below 1.

    A picture longer than six times its short side is squeezed: no camera makes one, and it would not fit a record.
    """
    width, height = min(width, 6 * height), min(height, 6 * width)
    scale = min(1.0, short_side / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def jpeg(picture: Image.Image) -> bytes:
    """Return a JPEG good enough for descriptors."""
    return _encode(picture, _QUALITY)


def blurred(picture: Image.Image) -> Image.Image:
    """Return a picture in which nothing can be recognised, 24 pixels wide at most, blurred on top.

    Blurring comes before encoding, so nothing sharper is ever stored.
    """
    height = max(1, round(_BLUR_WIDTH * picture.height / picture.width))
    tiny = picture.resize((_BLUR_WIDTH, min(height, 2 * _BLUR_WIDTH)), Image.Resampling.BOX)
    return tiny.filter(ImageFilter.GaussianBlur(_BLUR_RADIUS))


def thumbnail(tiny: Image.Image) -> bytes:
    """Return the JPEG of an already blurred picture, 64 pixels wide."""
    height = max(1, round(_THUMBNAIL_WIDTH * tiny.height / tiny.width))
    return _encode(tiny.resize((_THUMBNAIL_WIDTH, height), Image.Resampling.BICUBIC), _THUMBNAIL_QUALITY)


def opaque(picture: Image.Image) -> Image.Image:
    """Return RGB, upright by EXIF, transparent parts over black as FFmpeg shows them."""
    upright = ImageOps.exif_transpose(picture)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    rgba = upright.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "black")
    return Image.alpha_composite(ground, rgba).convert("RGB")


def turned(pixels: Pixels, rotation: int) -> Image.Image:
    """Return pixels turned counter-clockwise by 0, 90, 180 or 270 degrees."""
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, rotation // 90)))


def _encode(picture: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
