"""PDQ, the perceptual hash of a picture that hash lists exchange; after the paper and Meta's implementation (BSD).

Brightness is blurred to 64 x 64, its lowest 16 x 16 frequencies are compared with their median: 256 bits. Reimplemented
in numpy, because the package pdqhash is built from C++ at each install; a test holds that the bits are the same.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

BYTES = 32
"""Bytes of a hash, the first bit of its hexadecimal form first."""
LEAST_QUALITY = 50
"""Quality, 0 to 100, below which a picture is too plain for its hash to be specific."""
NEAR_BITS = 31
"""Most differing bits of two hashes of one picture."""

_SIDE, _KEPT, _PASSES = 64, 16, 2
_LEAST_PIXELS, _MOST_PIXELS = 5, 4_096
"""Of a side: below, there is nothing to compare; above, the picture is averaged first."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_ODD = np.arange(_KEPT) % 2 == 1
_SIGNS = np.where(_ODD, 1.0, -1.0)
"""Signs of the frequencies in a mirrored picture: these begin at 1, and those of odd number change."""
_DCT = np.sqrt(2.0 / _SIDE) * np.cos(
    np.pi / 2 / _SIDE * np.arange(1, _KEPT + 1)[:, None] * (2 * np.arange(_SIDE) + 1)[None]
)

type Bits = npt.NDArray[np.uint8]
"""Hashes, uint8 (n, 32)."""


class PictureHash(NamedTuple):
    """Hashes of a picture.

    Attributes
    ----------
    hashes
        uint8 (8, 32): as it is, then turned and mirrored in all ways.
    quality
        0 to 100.
    """

    hashes: Bits
    quality: int


def picture_hash(picture: Image.Image) -> PictureHash:
    """Return the hashes of a picture, as it is and in all its eight positions; of quality 0 for one below 5 pixels."""
    if max(picture.size) > _MOST_PIXELS:
        picture = picture.reduce(-(-max(picture.size) // _MOST_PIXELS))
    luma = _luma(picture)
    if min(luma.shape) < _LEAST_PIXELS:
        return PictureHash(np.zeros((8, BYTES), np.uint8), 0)
    small = _shrunk(luma)
    return PictureHash(np.stack([_bits(each) for each in _positions(_frequencies(small))]), _quality(small))


def picture_features(picture: Image.Image) -> npt.NDArray[np.float32]:
    """Return PDQF, the frequencies that a hash is the signs of: float32 (256,), of a picture of 64 x 64.

    Pictures of other sizes are averaged to it in the bicubic way, as Meta's TMK has ffmpeg do, without PDQ's blur.
    """
    if picture.size != (_SIDE, _SIDE):
        picture = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return _frequencies(_luma(picture).astype(np.float64)).astype(np.float32).ravel()


def turned(hashes: Bits) -> Bits:
    """Return the hashes of pictures, shape (n, 32), in all eight positions: shape (8, n, 32), in the order of a hash.

    They follow from the bits alone and are near to those of the turned picture, whose median is another one. A hash
    turned is as far from another as that one, turned back, is from the hash; and turning back is one of the eight too.
    """
    found = np.unpackbits(hashes, axis=-1)[..., ::-1].reshape(-1, _KEPT, _KEPT)
    rows, columns = (~_ODD)[:, None], (~_ODD)[None]
    upright = [found, found ^ rows ^ columns, found ^ rows, found ^ columns]
    grids = np.stack([*upright, *(each.swapaxes(-1, -2) for each in upright)])
    return np.packbits(grids.reshape(8, -1, _KEPT * _KEPT)[..., ::-1], axis=-1)


def distances(one: Bits, others: Bits) -> npt.NDArray[np.int64]:
    """Return the number of bits in which hashes differ, shape (n, m), for hashes of shapes (n, 32) and (m, 32)."""
    differing: npt.NDArray[np.int64] = np.bitwise_count(one[:, None] ^ others[None]).sum(axis=2, dtype=np.int64)
    return differing


def _luma(picture: Image.Image) -> npt.NDArray[np.float32]:
    luma: npt.NDArray[np.float32] = np.asarray(picture.convert("RGB"), np.float32) @ _LUMA
    return luma


def _frequencies(small: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the lowest 16 x 16 frequencies of 64 x 64 values, without that of the mean."""
    found: npt.NDArray[np.float64] = _DCT @ small @ _DCT.T
    return found


def _positions(found: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    rows, columns = _SIGNS[:, None], _SIGNS[None]
    upright = [found, found * rows * columns, found * rows, found * columns]
    return [*upright, *(each.T for each in upright)]


def _bits(found: npt.NDArray[np.float64]) -> Bits:
    flat = found.ravel()
    median = np.sort(flat)[len(flat) // 2 - 1]  # the lower one of two
    return np.packbits((flat > median)[::-1])


def _shrunk(luma: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return a picture as 64 x 64: blurred by a tent in both directions, then sampled at the centres."""
    rows, columns = (_shrinking(size) for size in luma.shape)
    return rows @ luma @ columns.T


@lru_cache(maxsize=64)
def _shrinking(size: int) -> npt.NDArray[np.float64]:
    """Return what blurs and samples one side of a picture, shape (64, size): one product in place of four passes."""
    window = -(-size // (2 * _SIDE))
    half = (window + 2) // 2
    numbers = np.arange(size)
    first, last = np.maximum(0, numbers + half - window), np.minimum(size, numbers + half)
    weights = np.eye(size)[((np.arange(_SIDE) + 0.5) * size / _SIDE).astype(np.intp)]
    for _ in range(_PASSES):  # the mean over a window, at the borders of what is there
        steps = np.zeros((_SIDE, size + 1))
        shares = (weights / (last - first)).T
        np.add.at(steps.T, first, shares)
        np.add.at(steps.T, last, -shares)
        weights = np.cumsum(steps, axis=1)[:, :size]
    return weights


def _quality(small: npt.NDArray[np.float64]) -> int:
    """Return how much differs between neighbours, 0 to 100."""
    steps = (np.trunc(np.abs(np.diff(small, axis=axis)) * 100 / 255).sum() for axis in (0, 1))
    return min(100, int(sum(steps)) // 90)
