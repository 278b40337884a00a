"""Readings of a track's cells: mirrored, turned, cropped, inside bars, or the frame as a whole.

Both sides are compared on a grid of 4 x 3 cells, coarse enough to bear what no view covers; each of these cells is a
mean of the track's finer ones.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from models.motion.normalise import QUIET_ACTIVITY, QUIET_CHANGE, Array, normalised
from models.motion.track import ACROSS, ACTIVITY, CELLS, CHANGE, DOWN, FLOOR

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the frame."""

_ACROSS, _DOWN = 4, 3
_WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class View:
    """Cells of the query and of the reference that show the same, as weights of their tracks' cells."""

    name: str
    query: Array
    """Shape (cells, CELLS)."""
    reference: Array
    at_any_speed: bool = False
    """Compared at all speeds and backwards too; the others are compared at speed 1."""
    mirrored: bool = False
    has_change: bool = True
    """False for activity alone: the change of the whole frame is that of the light."""
    key: bytes = field(init=False)
    """Same for views that read the reference alike."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.reference.tobytes() + bytes([self.has_change]))

    def read(self, levels: Array, weights: Array) -> Array:
        """Return a track's local deviations under these weights, which are its own `query` or `reference`."""
        activity = np.log(levels[:, ACTIVITY] @ weights.T + np.float32(FLOOR))
        quiet = np.full(activity.shape[1], QUIET_ACTIVITY, np.float32)
        if not self.has_change:
            return normalised(activity, quiet)
        change = levels[:, CHANGE] @ weights.T
        both = np.concatenate([activity, change], axis=1)
        return normalised(both, np.concatenate([quiet, np.full_like(quiet, QUIET_CHANGE)]))


def within(levels: Array, box: Box) -> Array:
    """Return the track of a part of the frame, interpolated from the cells that it covers."""
    weights = _box(box, ACROSS, DOWN)
    return np.concatenate([levels[:, ACTIVITY] @ weights.T, levels[:, CHANGE] @ weights.T], axis=1)


def _box(box: Box, across: int = _ACROSS, down: int = _DOWN) -> Array:
    """Return the weights of the track's cells in a grid over a box, shape (down * across, CELLS)."""
    left, top, right, bottom = box
    weights: Array = np.kron(_overlaps(top, bottom, down, DOWN), _overlaps(left, right, across, ACROSS))
    return weights.astype(np.float32)


def _overlaps(start: float, end: float, n: int, n_cells: int) -> npt.NDArray[np.float64]:
    """Return the share of each cell in each n-th of an interval, shape (n, n_cells)."""
    edges, cells = np.linspace(start, end, n + 1), np.linspace(0.0, 1.0, n_cells + 1)
    low = np.maximum(edges[:-1, None], cells[None, :-1])
    high = np.minimum(edges[1:, None], cells[None, 1:])
    overlap: npt.NDArray[np.float64] = np.maximum(high - low, 0.0)
    return overlap / np.maximum(overlap.sum(axis=1, keepdims=True), 1e-9)


def _turned(quarters: int) -> Array:
    """Return the weights that turn a frame counter-clockwise."""
    order = np.rot90(np.arange(CELLS).reshape(DOWN, ACROSS), quarters)
    down, across = order.shape
    weights: Array = np.kron(_overlaps(0, 1, _DOWN, down), _overlaps(0, 1, _ACROSS, across))
    return (weights @ np.eye(CELLS)[order.ravel()]).astype(np.float32)


_GRID = _box(_WHOLE)
_MIRRORED = np.ascontiguousarray(_GRID.reshape(_DOWN, _ACROSS, CELLS)[:, ::-1].reshape(-1, CELLS))
_ALL = np.full((1, CELLS), 1 / CELLS, np.float32)
_from_reference = partial(View, query=_GRID)
_from_query = partial(View, reference=_GRID)

VIEWS = (
    View("as it is", _GRID, _GRID, at_any_speed=True),
    View("mirrored", _MIRRORED, _GRID, at_any_speed=True, mirrored=True),
    View("as a whole", _ALL, _ALL, at_any_speed=True, has_change=False),
    *(_from_query(f"turned by {90 * quarters} degrees", query=_turned(quarters)) for quarters in (1, 2, 3)),
    *(
        _from_reference(name, reference=_box(box))
        for name, box in (
            ("cropped", (0.15, 0.15, 0.85, 0.85)),
            ("cropped to the top left", (0.0, 0.0, 0.6, 0.6)),
            ("cropped to the top right", (0.4, 0.0, 1.0, 0.6)),
            ("cropped to the bottom left", (0.0, 0.4, 0.6, 1.0)),
            ("cropped to the bottom right", (0.4, 0.4, 1.0, 1.0)),
            ("cropped to a portrait", (0.34, 0.0, 0.66, 1.0)),
        )
    ),
    *(
        _from_query(name, query=_box(box))
        for name, box in (
            ("bordered", (0.14, 0.14, 0.86, 0.86)),
            ("between wide bars", (0.0, 0.33, 1.0, 0.67)),
            ("between bars", (0.0, 0.18, 1.0, 0.82)),
        )
    ),
)
"""Edits of the frame that are tried, the likeliest first."""
