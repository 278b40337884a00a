"""Visual model: copy-detection descriptors of pictures, close for edited copies, far for other pictures.

SSCD, Pizzi et al. 2022, "A Self-Supervised Descriptor for Image Copy Detection". A frame is resized to the model's
square without keeping its shape, which measured better for copies stretched to another shape (card.md).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

from models.visual.cuts import look_parts, post_parts, reference_parts, still_parts, windows
from models.visual.views import is_blank

Pixels = npt.NDArray[np.uint8]
"""RGB pictures, shape (n, side, side, 3), values 0-255."""


@dataclass(frozen=True)
class VisualInput:
    """Pictures prepared for the model, with frame and view of each."""

    pixels: Pixels
    frame: npt.NDArray[np.int32]
    """Index of the frame among those given, shape (n,)."""
    view: npt.NDArray[np.int32]
    """Number of the view, shape (n,): 0 is the full frame, the others by kind as in cuts.py."""


class VisualModel:
    """Describes pictures; made by the registry.

    Parameters
    ----------
    batch_rows
        Most pictures in one run of the graph.
    """

    def __init__(self, session: ort.InferenceSession, name: str, version: str, side_px: int, batch_rows: int) -> None:
        self.name = name
        self.version = version
        self.batch_rows = batch_rows
        self._session = session
        self._side_px = side_px

    def prepare(self, jpegs: Sequence[bytes], *, views: bool, sides: bool = False) -> VisualInput:
        """Decode frames and cut their views.

        Blank pictures are left out: in every copy-detection model they match each other and are no evidence.

        Parameters
        ----------
        jpegs
            Frames as JPEG.
        views
            True for a post: each full frame, and its parts that may be a picture; a single frame also mirrored.
            False for a reference: each full frame, its parts, and both quarter turns, as a post may show it.
        sides
            True for a post that is looked at again: its parts, and those of a reference.

        Raises
        ------
        ValueError
            If a frame is not a readable JPEG.
        """
        pictures = [self._decode(index, jpeg) for index, jpeg in enumerate(jpegs)]
        of_post = still_parts if len(pictures) == 1 else post_parts
        parts = reference_parts if not views else look_parts if sides else of_post
        cut = [part for window in windows(pictures) for part in parts(window)]
        kept = [(self._square(part.picture), part) for part in cut]
        kept = [(square, part) for square, part in kept if not is_blank(square)]
        shape = (len(kept), self._side_px, self._side_px, 3)
        return VisualInput(
            pixels=np.array([square for square, _ in kept], dtype=np.uint8).reshape(shape),
            frame=np.array([part.frame for _, part in kept], dtype=np.int32),
            view=np.array([part.view for _, part in kept], dtype=np.int32),
        )

    def embed(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Describe prepared pictures; float32, shape (n, 512), rows of length 1."""
        batches = [pixels[start : start + self.batch_rows] for start in range(0, len(pixels), self.batch_rows)]
        rows = [self._session.run(["embedding"], {"image": batch})[0] for batch in batches]
        vectors = np.concatenate([np.zeros((0, 512), dtype=np.float32), *rows])
        lengths: npt.NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)

    def _square(self, picture: Pixels) -> Pixels:
        side = (self._side_px, self._side_px)
        return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(side, Image.Resampling.BILINEAR))

    def _decode(self, index: int, jpeg: bytes) -> Pixels:
        try:
            with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
                image.draft("RGB", (2 * self._side_px, 2 * self._side_px))  # decode large pictures at a fraction
                return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as exc:
            raise ValueError(f"frame {index} is not a readable JPEG: {exc}") from exc
