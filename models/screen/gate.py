"""Gate before OCR: a cheap test of whether a frame may show text."""

import numpy as np
import numpy.typing as npt
from PIL import Image

_TILE = 8
"""Pixels, in a frame with a short side of 320: the smallest readable letters are about as large."""
_SHORT_SIDE = 320
_STEP = 40
"""Least step in grey levels between neighbours at the edge of a letter."""
_DENSE = 0.15
"""Least share of a tile's neighbours with such a step, half of it up and half down."""
_LONG = 4
"""Dense tiles in a row that make a word."""

Tiles = npt.NDArray[np.bool_]


def text_tiles(picture: Image.Image) -> Tiles:
    """Return the tiles of a frame that may show text, boolean (rows, columns): runs of dense, strong, upright edges.

    A cheap form of the edge-based detectors in Liu and Samarabandu 2006, "Multiscale edge-based text extraction".
    """
    scale = _SHORT_SIDE / min(picture.size)
    size = (max(_TILE, round(picture.width * scale)), max(_TILE, round(picture.height * scale)))
    grey = np.asarray(picture.convert("L").resize(size, Image.Resampling.BILINEAR), np.int16)
    step = np.diff(grey, axis=1, append=grey[:, -1:])
    dense = np.minimum(_share(step > _STEP), _share(step < -_STEP)) > _DENSE / 2
    return _in_runs(dense)


def _share(marked: Tiles) -> npt.NDArray[np.float64]:
    rows, columns = (length // _TILE for length in marked.shape)
    tiles = marked[: rows * _TILE, : columns * _TILE].reshape(rows, _TILE, columns, _TILE)
    share: npt.NDArray[np.float64] = tiles.mean(axis=(1, 3))
    return share


def _in_runs(dense: Tiles) -> Tiles:
    """Keep the tiles in runs of at least four."""
    if dense.shape[1] < _LONG:
        return np.zeros_like(dense)
    windows = np.lib.stride_tricks.sliding_window_view(dense, _LONG, axis=1).all(axis=2)
    kept = np.zeros_like(dense)
    for shift in range(_LONG):
        kept[:, shift : shift + windows.shape[1]] |= windows
    return kept
