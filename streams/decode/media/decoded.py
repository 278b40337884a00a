"""Jobs and results of decoding, exchanged with the child processes of the sandbox.

They are sent as MessagePack and validated in the parent: a child compromised by a medium can send wrong pictures,
never code.
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
"""Reasons why a medium cannot be decoded; few, because they are metric labels."""

_SHORTEST_TAIL_S = 0.1


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Cutting and sampling of a medium; the fields are explained in settings.py."""

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
    """Properties of a medium, read from its packets without decoding any."""

    kind: Kind
    duration_s: float
    """Duration of all streams together, on the media clock; at most the longest allowed. 0 for an image."""
    declared_s: float = 0.0
    """Duration by the file's header, which a truncated file keeps; 0 if it has none."""
    origin_s: float = 0.0
    """Start of the file's own timestamps: zero of the media clock."""
    video: int | None = None
    """Index of the video stream."""
    audio: int | None = None
    """Index of the audio stream."""
    width: int = 0
    """Upright, in pixels."""
    height: int = 0
    rotation: int = 0
    """Degrees counter-clockwise that turn a decoded frame upright: 0, 90, 180 or 270."""
    too_long: bool = False
    """True if the file is longer than duration_s; the rest is not decoded."""
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
    """Job of a decoder child: scan a file, or, with the result of the scan, decode it."""

    sampling: Sampling
    info: MediaInfo | None = None


def cut(info: MediaInfo, segment_s: float) -> list[tuple[float, float]]:
    """Return start and duration in seconds of each segment: exact, available before decoding, at least one.

    A tail below 0.1 s, which sound codecs add as padding, makes no segment.
    """
    return list(_spans(info.duration_s, segment_s))


def _spans(duration_s: float, segment_s: float) -> Iterator[tuple[float, float]]:
    for index in count():
        start_s = index * segment_s
        if index and duration_s - start_s < _SHORTEST_TAIL_S:
            return
        yield start_s, min(segment_s, duration_s - start_s)
