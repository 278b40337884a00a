"""Visual peers: vPDQ, SSCD without our search, and the plain rule that any search has to beat."""

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pdqhash
from PIL import Image

from models.registry import Registry
from models.visual.views import FULL, SIDES, crop, is_blank
from ops.bench.peers.peer import Picture, Scores, key_frames, pictures
from schemas.messages import Modality

_AGREE = 3
"""Consecutive seconds that must agree, for the temporal rule."""


class Vpdq:
    """vPDQ: PDQ of one frame a second; the package pdqhash contains PDQ's own code.

    The PyPI package vpdq builds only with FFmpeg's headers, so its rule is implemented here: frames of quality below 50
    are left out, two frames match within a Hamming distance of 31, and the score is the larger share of matched frames,
    of the query's or of the reference's. Its default rule needs 80 % of both.
    """

    modality: Modality = "visual"
    rules = ("vPDQ, best threshold", "vPDQ, default rule")
    _MOST_BITS = 31
    _LEAST_QUALITY = 50
    _SHARE = 0.8

    def __init__(self) -> None:
        self._references: list[npt.NDArray[np.uint8]] = []

    def describe(self, path: Path) -> npt.NDArray[np.uint8]:
        """Return the hashes, uint8 (n, 256) of bits."""
        hashed = [pdqhash.compute(np.ascontiguousarray(picture)) for picture in pictures(path)]
        kept = [bits for bits, quality in hashed if quality >= self._LEAST_QUALITY]
        return np.array(kept, np.uint8).reshape(-1, 256)

    def add_references(self, references: list[npt.NDArray[np.uint8]]) -> None:
        """Add the descriptions of all references."""
        self._references = references

    def search(self, query: npt.NDArray[np.uint8]) -> Scores:
        """Return the shares of matched frames."""
        shares = [self._shares(query, reference) for reference in self._references]
        best = [max(share) for share in shares]
        by_default = [float(min(share) >= self._SHARE) for share in shares]
        return dict(zip(self.rules, (best, by_default), strict=True))

    def _shares(self, query: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8]) -> tuple[float, float]:
        if not len(query) or not len(reference):
            return 0.0, 0.0
        one, other = query.astype(np.int32), reference.astype(np.int32)
        distance = one @ (1 - other).T + (1 - one) @ other.T
        near = distance <= self._MOST_BITS
        return float(near.any(axis=1).mean()), float(near.any(axis=0).mean())


class Sscd:
    """SSCD of one frame a second: the whole frame, no crops, no rule on blank frames (Pizzi et al. 2022)."""

    modality: Modality = "visual"

    def __init__(self, name: str) -> None:
        models = Registry()
        self._model, self._side_px = models.visual(name), models.entry("visual", name).side_px
        self.rules = (f"{name}, best frame pair", f"{name}, temporal ({_AGREE} s)")
        self._references: list[npt.NDArray[np.float32]] = []

    def describe(self, path: Path) -> npt.NDArray[np.float32]:
        """Return a row for each second, float32 (n, 512), L2-normalised."""
        side = self._side_px
        small = [_square(picture, side) for picture in pictures(path)]
        return self._model.embed(np.array(small, np.uint8).reshape(-1, side, side, 3))

    def add_references(self, references: list[npt.NDArray[np.float32]]) -> None:
        """Add the descriptions of all references."""
        self._references = references

    def search(self, query: npt.NDArray[np.float32]) -> Scores:
        """Return cosines: the largest, and the largest mean of consecutive seconds."""
        matrices = [query @ reference.T for reference in self._references]
        best = [float(matrix.max(initial=0.0)) for matrix in matrices]
        return dict(zip(self.rules, (best, [_best_consecutive_mean(matrix) for matrix in matrices]), strict=True))


class Plain:
    """The plain rule: the largest cosine of any crop of a key frame with any of a reference's, without times.

    Each key frame is described whole and in five parts; blank parts are left out.
    """

    modality: Modality = "visual"

    def __init__(self, name: str) -> None:
        models = Registry()
        self._model, self._side_px = models.visual(name), models.entry("visual", name).side_px
        self.rules = (f"{name}, plain rule",)
        self._references: list[npt.NDArray[np.float32]] = []

    def describe(self, path: Path) -> npt.NDArray[np.float32]:
        """Return a row for each crop, float32 (n, 512), L2-normalised."""
        crops = [crop(picture, box) for picture in key_frames(path) for box in (FULL, *SIDES)]
        side = self._side_px
        small = [_square(each, side) for each in crops if not is_blank(each)]
        return self._model.embed(np.array(small, np.uint8).reshape(-1, side, side, 3))

    def add_references(self, references: list[npt.NDArray[np.float32]]) -> None:
        """Add the descriptions of all references."""
        self._references = references

    def search(self, query: npt.NDArray[np.float32]) -> Scores:
        """Return the largest cosines."""
        return {self.rules[0]: [float((query @ each.T).max(initial=0.0)) for each in self._references]}


def _square(picture: Picture, side: int) -> Picture:
    """Return the picture at the model's square size, JPEG-compressed as stored frames are."""
    content = BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=90)
    return np.asarray(Image.open(content).convert("RGB").resize((side, side), Image.Resampling.BILINEAR), np.uint8)


def _best_consecutive_mean(matrix: npt.NDArray[np.float32]) -> float:
    """Return the largest mean of `_AGREE` consecutive cells of a diagonal; shorter diagonals are padded with zeros."""
    best = 0.0
    for offset in range(1 - matrix.shape[0], matrix.shape[1]):
        line = np.diagonal(matrix, offset)
        padded = np.concatenate([line, np.zeros(max(0, _AGREE - line.size), np.float32)])
        best = max(best, float(np.convolve(padded, np.full(_AGREE, 1 / _AGREE), "valid").max()))
    return best
