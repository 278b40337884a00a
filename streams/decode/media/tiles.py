"""The picture of a HEIC photo, from its tiles. Runs in the sandbox."""

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from streams.decode.media.decoded import Part
from streams.decode.media.heif import Photo
from streams.decode.media.tracks import decoded, is_decodable, opened, packets
from streams.errors import UnprocessableError

_FLIPS = {0: Image.Transpose.FLIP_TOP_BOTTOM, 1: Image.Transpose.FLIP_LEFT_RIGHT}


def joined(file: int, part: Part, photo: Photo) -> tuple[Image.Image, int]:
    """Return a photo's picture, upright, and how many of its tiles could not be decoded.

    Raises
    ------
    UnprocessableError
        media_unreadable: none could.
    """
    canvas: Image.Image | None = None
    left = set(range(len(photo.tiles)))
    for position, tile in _tiles(file, part, photo):
        if canvas is None:
            canvas = Image.new("RGB", (photo.width or tile.width, photo.height or tile.height))
        row, column = divmod(position, photo.columns)
        canvas.paste(tile, (column * tile.width, row * tile.height))
        left.discard(position)
    if canvas is None:
        raise UnprocessableError("media_unreadable", "no tile of the photo could be decoded")
    if photo.mirror is not None:
        canvas = canvas.transpose(_FLIPS[photo.mirror])
    return (canvas.rotate(photo.rotation, expand=True) if photo.rotation else canvas), len(left)


def _tiles(file: int, part: Part, photo: Photo) -> Iterator[tuple[int, Image.Image]]:
    """Yield position and picture of each tile that can be decoded."""
    reformatter = VideoReformatter()
    with opened(file, part) as container:
        ids: dict[int, list[int]] = {}
        for position, item in enumerate(photo.tiles):
            ids.setdefault(item, []).append(position)
        streams = [stream for stream in container.streams.video if stream.id in ids and is_decodable(stream)]
        for stream in streams:
            stream.codec_context.thread_count = 1  # the sandbox forbids starting threads
        for packet in packets(container, *streams) if streams else ():
            assert isinstance(packet.stream, VideoStream)
            for _, frame in decoded([packet], VideoFrame):
                rgb = reformatter.reformat(frame, format="rgb24", threads=1)
                picture = Image.fromarray(rgb.to_ndarray().astype(np.uint8, copy=False))
                for position in ids.pop(packet.stream.id, []):
                    yield position, picture
