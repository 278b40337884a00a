"""Films of which some bytes are damaged: FFmpeg conceals what it cannot decode, which is no picture of anything."""

from pathlib import Path

import av
import numpy as np

from streams.decode.media.decoded import DecodedSegment
from streams.errors import UnprocessableError
from tests.unit.decode.made import segments_of
from tests.unit.decode.test_probe import SAMPLING

FILM = Path("streams/demo/media/hunter.mp4")
"""14 s of H.264 at 24 pictures a second."""


def damaged(path: Path, start_s: float, end_s: float) -> Path:
    """Write the film with other bytes in the second half of each picture between two times."""
    content = bytearray(FILM.read_bytes())
    rng = np.random.default_rng(1)
    with av.open(str(FILM)) as container:
        for packet in container.demux(video=0):
            if packet.pts is None or packet.pos is None or not start_s <= packet.pts * packet.time_base < end_s:
                continue
            first, last = packet.pos + packet.size // 2, packet.pos + packet.size
            content[first:last] = rng.bytes(last - first)
    path.write_bytes(content)
    return path


def decoded(path: Path) -> tuple[list[DecodedSegment], str]:
    """Return the segments, and the reason of what is missing."""
    found: list[DecodedSegment] = []
    try:
        found.extend(segments_of(path, SAMPLING))
    except UnprocessableError as error:
        return found, error.reason
    return found, ""


def test_concealed_frames_are_neither_covered_nor_pictures(tmp_path: Path) -> None:
    (segment,), reason = decoded(damaged(tmp_path / "a.mp4", 3.0, 8.0))
    assert [frame.time_s for frame in segment.frames if 3.0 <= frame.time_s < 8.0] == []
    assert len([frame for frame in segment.frames if frame.time_s >= 8.0]) >= 3
    assert segment.picture is not None
    assert segment.picture.decoded_s < segment.picture.present_s - 2.0
    assert reason == "media_partial"


def test_an_undamaged_film_is_decoded_in_full() -> None:
    (segment,), reason = decoded(FILM)
    assert segment.picture is not None
    assert (segment.picture.decoded_s, reason) == (segment.picture.present_s, "")


def test_concealed_frames_are_pictures_where_there_are_no_others(tmp_path: Path) -> None:
    (segment,), reason = decoded(damaged(tmp_path / "a.mp4", 0.0, 20.0))
    assert segment.frames
    assert segment.picture is not None
    assert segment.picture.decoded_s == 0.0
    assert reason == "media_partial"
