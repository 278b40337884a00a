"""Pictures as small upright JPEGs, and thumbnails in which nothing is recognisable. Runs in the sandbox."""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, ImageFile, ImageFilter, ImageOps, UnidentifiedImageError

from streams.decode.media.decoded import Part
from streams.decode.media.parts import Window
from streams.errors import UnprocessableError

ImageFile.LOAD_TRUNCATED_IMAGES = True  # a browser shows the readable part, so that part can do harm
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the sandbox forbids starting threads
Pixels = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
_PILLOW_ERRORS = (ArithmeticError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error)
"""Errors that its plugins raise for broken images, found by fuzzing."""
_ANIMATED = ("PNG", "WEBP", "GIF", "AVIF")
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_QUALITY = 85
_BLUR_WIDTH = 24
_BLUR_RADIUS = 1.5
_THUMBNAIL_WIDTH = 64
_THUMBNAIL_QUALITY = 50


@contextmanager
def opened_image(file: int, part: Part | None = None) -> Iterator[Image.Image | None]:
    """Yield an image whose header was read, None for a file that is not an image.

    Parameters
    ----------
    file
        Descriptor; it stays open.
    part
        The part of the file that is the image; by default all of it.

    Raises
    ------
    UnprocessableError
        media_unreadable, also for Pillow's errors while the image is used; image_too_large, far beyond our own cap.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own cap follows
            image = Image.open(_reader(file, part), formats=_FORMATS)
    except UnidentifiedImageError:
        yield None
        return
    except Image.DecompressionBombError as error:
        raise UnprocessableError("image_too_large", str(error)) from error
    except _PILLOW_ERRORS as error:
        raise UnprocessableError("media_unreadable", f"the image is broken: {error}") from error
    try:
        with image:
            yield image
    except _PILLOW_ERRORS as error:
        raise UnprocessableError("media_unreadable", f"the image is broken: {error}") from error


def _reader(file: int, part: Part | None) -> BinaryIO:
    if part is not None and part != (0, os.fstat(file).st_size):
        return BufferedReader(Window(file, part))
    reader = os.fdopen(file, "rb", closefd=False)
    reader.seek(0)
    return reader


def is_animated(image: Image.Image) -> bool:
    """Return whether an opened image is a film."""
    return image.format in _ANIMATED and bool(getattr(image, "is_animated", False))


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as an opened image is shown.

    The orientation is read only if already loaded: otherwise Pillow decodes a whole PNG to find it.
    """
    is_turned = "exif" in image.info and image.getexif().get(_ORIENTATION, 1) in _SIDEWAYS
    return (image.height, image.width) if is_turned else (image.width, image.height)


def small_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Return width and height scaled down so that the short side is at most short_side; never up, never below 1.

    A picture longer than six times its short side is squeezed: no camera makes one, and it would not fit a record.
    """
    width, height = min(width, 6 * height), min(height, 6 * width)
    scale = min(1.0, short_side / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrunk(picture: Image.Image, short_side: int) -> Image.Image:
    """Return a picture of small_size."""
    return picture.resize(small_size(*picture.size, short_side), Image.Resampling.BOX)


def jpeg(picture: Image.Image) -> bytes:
    """Return a JPEG good enough for descriptors; optimised tables would save 7 % and take three times as long."""
    return _encode(picture, _QUALITY, optimize=False)


def blurred(picture: Image.Image) -> Image.Image:
    """Return a picture in which nothing can be recognised, at most 24 pixels wide and blurred.

    Blurring comes before encoding, so nothing sharper is ever stored.
    """
    height = max(1, round(_BLUR_WIDTH * picture.height / picture.width))
    tiny = picture.resize((_BLUR_WIDTH, min(height, 2 * _BLUR_WIDTH)), Image.Resampling.BOX)
    return tiny.filter(ImageFilter.GaussianBlur(_BLUR_RADIUS))


def thumbnail(tiny: Image.Image) -> bytes:
    """Return the JPEG of an already blurred picture, 64 pixels wide."""
    height = max(1, round(_THUMBNAIL_WIDTH * tiny.height / tiny.width))
    return _encode(tiny.resize((_THUMBNAIL_WIDTH, height), Image.Resampling.BICUBIC), _THUMBNAIL_QUALITY, optimize=True)


def opaque(picture: Image.Image) -> Image.Image:
    """Return RGB, upright by EXIF, transparent parts over white, as on the light page of a browser."""
    upright = _eight_bits(ImageOps.exif_transpose(picture))
    return on_white(upright.convert("RGBA")) if upright.has_transparency_data else upright.convert("RGB")


def on_white(rgba: Image.Image) -> Image.Image:
    """Return an RGBA picture over white, as RGB."""
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a grey picture of more than eight bits with eight; Pillow would cut off what is above 255."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        greys = np.nan_to_num(np.asarray(picture, np.float64))
        darkest, brightest = float(greys.min()), float(greys.max())
        most = next((most for most in (1.0, 255.0, 65535.0) if brightest <= most), brightest)
        least = min(0.0, darkest)
        return Image.fromarray(np.clip(255 * (greys - least) / (most - least), 0, 255).astype(np.uint8))
    return picture


def turned(pixels: Pixels, rotation: int) -> Image.Image:
    """Return a picture of these pixels, turned counter-clockwise by `rotation`: 0, 90, 180 or 270 degrees."""
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, rotation // 90)))


def _encode(picture: Image.Image, quality: int, *, optimize: bool) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=optimize)
    return buffer.getvalue()
