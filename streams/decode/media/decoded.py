"""What comes out of a medium, as values that cross the wall of the sandbox.

They travel as MessagePack and are validated on the trusted side: a child taken over by a medium can send wrong
pictures, never code.
"""

from collections.abc import Iterator
from itertools import count
from typing import Literal

import msgspec

from schemas.messages import Frame, Text, Thumbnail

Kind = Literal["video", "image", "audio"]
MediaReason = Literal[
    "media_decode_crash",
    "media_decode_memory",
    "media_decode_timeout",
    "media_no_streams",
    "media_too_long",
    "media_unreadable",
    "image_too_large",
]
"""Why a medium cannot be decoded: metric labels, so few."""

_SHORTEST_TAIL_S = 0.1


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How a medium is cut and sampled; the fields are explained in settings.py."""

    segment_s: float
    max_duration_s: float
    max_pixels: int
    frames_per_second: float
    longest_gap_s: float
    few_frames: int
    max_frames: int
    short_side: int
    max_thumbnails: int
    sound_rate_hz: int


class MediaInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What reading all packets of a medium tells, without decoding any."""

    kind: Kind
    duration_s: float
    """Of all streams together, on the media clock; at most the longest allowed. 0 for an image."""
    origin_s: float = 0.0
    """Where the file's own timestamps start: zero of the media clock."""
    video: int | None = None
    """Index of the video stream."""
    audio: int | None = None
    """Index of the audio stream."""
    width: int = 0
    """Upright, in pixels."""
    height: int = 0
    rotation: int = 0
    """Degrees counter-clockwise that make a decoded frame upright: 0, 90, 180 or 270."""
    too_long: bool = False
    """More follows after duration_s and will not be decoded."""
    subtitles: list[Text] = []
    """In time order."""

    @property
    def has_picture(self) -> bool:
        """True if its segments carry frames."""
        return self.kind == "image" or self.video is not None

    @property
    def has_sound(self) -> bool:
        """True if its segments carry sound."""
        return self.audio is not None


class DecodedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """At most one segment of one medium; empty where nothing could be decoded."""

    start_s: float
    duration_s: float
    frames: list[Frame] = []
    thumbnails: list[Thumbnail] = []
    pcm: bytes = b""
    """Mono int16, little-endian, exactly duration_s long; empty without an audio stream."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder child is asked: to scan a file, or, given what the scan said, to decode it."""

    path: str
    sampling: Sampling
    info: MediaInfo | None = None


def cut(info: MediaInfo, segment_s: float) -> list[tuple[float, float]]:
    """Return start and duration in seconds of each segment: exact, known before decoding, at least one.

    A tail too short to hear or see, which sound codecs leave by padding, is not worth a segment.
    """
    return list(_spans(info.duration_s, segment_s))


def _spans(duration_s: float, segment_s: float) -> Iterator[tuple[float, float]]:
    for index in count():
        start_s = index * segment_s
        if index and duration_s - start_s < _SHORTEST_TAIL_S:
            return
        yield start_s, min(segment_s, duration_s - start_s)
