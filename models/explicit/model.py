"""Explicitness model: ratings of pictures as context for reviewers, never evidence of a copy.

Yahoo's open_nsfw (2016), a thin ResNet-50: https://github.com/yahoo/open_nsfw.
"""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

_WHOLE_PX, _SIDE_PX = 256, 224
_MEAN_BGR = np.array([104, 117, 123], dtype=np.float32)
"""Mean of the training pictures."""


class ExplicitModel:
    """Rates pictures; made by the registry."""

    def __init__(self, session: ort.InferenceSession, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self._session = session

    def rate(self, jpegs: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Return the explicitness rating of each picture: float32, shape (n,), 0 to 1.

        Raises
        ------
        ValueError
            If one is not a readable JPEG.
        """
        rows = [self._session.run(["outputs"], {"input:0": prepared(jpeg)[None]})[0] for jpeg in jpegs]
        return np.concatenate([np.zeros((0, 2), np.float32), *rows])[:, 1]


def prepared(jpeg: bytes) -> npt.NDArray[np.float32]:
    """Return a picture as input of the model: float32, shape (224, 224, 3), BGR minus the mean.

    Resized to a square, its middle cropped and compressed once more, as in the file's package after open_nsfw's own
    script.

    Raises
    ------
    ValueError
        If it is not a readable JPEG.
    """
    margin = (_WHOLE_PX - _SIDE_PX) // 2
    box = (margin, margin, margin + _SIDE_PX, margin + _SIDE_PX)
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            squashed = image.convert("RGB").resize((_WHOLE_PX, _WHOLE_PX), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as exc:
        raise ValueError(f"not a readable JPEG: {exc}") from exc
    buffer = io.BytesIO()
    squashed.crop(box).save(buffer, "JPEG")
    with Image.open(buffer) as compressed:
        pixels = np.asarray(compressed, dtype=np.float32)
    return np.ascontiguousarray(pixels[:, :, ::-1] - _MEAN_BGR)
