"""PDQ of sampled frames, by which pictures in hash lists of others are found."""

from collections.abc import Iterable
from io import BytesIO

from PIL import Image

from models.pdq.hash import LEAST_QUALITY, picture_hash
from schemas.messages import Frame, FrameHash
from streams.errors import UnprocessableError


def picture_hashes(frames: Iterable[Frame]) -> list[FrameHash]:
    """Return the hashes of the frames that are not too plain; about 10 ms a frame.

    Raises
    ------
    UnprocessableError
        A frame is no picture.
    """
    found = ((frame.time_s, picture_hash(_opened(frame.jpeg))) for frame in frames)
    return [FrameHash(time_s=at, hashes=one.hashes.tobytes()) for at, one in found if one.quality >= LEAST_QUALITY]


def _opened(jpeg: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(jpeg), formats=("JPEG",))
    except OSError as error:
        raise UnprocessableError("frame_unreadable", str(error)) from error
