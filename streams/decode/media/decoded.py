"""Jobs and results of decoding, exchanged with the child processes of the sandbox.

They are sent as MessagePack and validated in the parent: a child compromised by a medium can send wrong pictures,
never code.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from schemas.messages import Coverage, Frame, Matrix, Text, Thumbnail

Kind = Literal["video", "image", "audio"]
MediaReason = Literal[
    "media_decode_crash",
    "media_decode_memory",
    "media_decode_timeout",
    "media_encrypted",
    "media_codec_unknown",
    "media_partial",
    "media_playlist",
    "media_no_streams",
    "media_too_long",
    "media_unreadable",
    "image_too_large",
]
"""Reasons why a medium cannot be decoded; few, because they are metric labels."""

_MAX_DIGESTS = 8
"""Digests of one medium and modality: of the file and of its first tracks."""


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
    sound_lead_s: float
    motion: bool = False
    """True to return the motion too, for which every frame is decoded."""
    dense: bool = False
    """True to keep a frame at each step, whether or not anything has moved."""


type Stretch = tuple[float, float]
"""Start and end on the media clock, seconds."""
type Epoch = tuple[int, float]
"""Number of the packet with which it begins, and seconds to add to the timestamps from there on."""
type Part = tuple[int, int]
"""First byte of a part of the file, and the one after its last."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of picture or sound that is decoded."""

    stream: int
    """Its index in its part of the file."""
    codec: str
    epochs: list[Epoch] = []
    stretches: list[Stretch] = []
    """Times for which it has packets, in order."""
    width: int = 0
    """Upright, in pixels; 0 for sound."""
    height: int = 0
    rotation: int = 0
    """Degrees counter-clockwise that turn a decoded frame upright: 0, 90, 180 or 270."""
    digest: bytes = b""
    """SHA-256 of its packets; empty if they are too few."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What is decoded together, from start to end: one track of picture, one of sound, or both; or a still image."""

    part: Part = (0, 0)
    start_s: float = 0.0
    duration_s: float = 0.0
    is_still: bool = False
    picture: Track | None = None
    sound: Track | None = None

    @property
    def end_s(self) -> float:
        """End on the media clock."""
        return self.start_s + self.duration_s

    @property
    def has_picture(self) -> bool:
        """True if its segments may carry frames."""
        return self.is_still or self.picture is not None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A track that is not decoded."""

    reason: MediaReason
    detail: str


class MediaInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a medium, read from its packets without decoding any."""

    kind: Kind
    duration_s: float
    """Duration of all lanes, on the media clock; at most the longest allowed. 0 for an image."""
    declared_s: float = 0.0
    """Duration by the file's header, which a truncated file keeps; 0 if it has none."""
    width: int = 0
    """Upright, in pixels, of the first lane."""
    height: int = 0
    lanes: list[Lane] = []
    """In the order in which they are decoded: of each part of the file, its default tracks first."""
    refused: list[Refusal] = []
    """Tracks that are not decoded, with the reason."""
    too_long: bool = False
    """True if the file is longer than what is decoded of it."""
    subtitles: list[Text] = []
    """In time order."""
    digest: bytes = b""
    """SHA-256 of the file; empty for a tiny one."""
    md5: bytes = b""
    """MD5 of the file, by which lists of others name it; likewise."""

    @property
    def has_picture(self) -> bool:
        """True if some of its segments carry frames."""
        return any(lane.has_picture for lane in self.lanes)

    @property
    def has_sound(self) -> bool:
        """True if some of its segments carry sound."""
        return any(lane.sound is not None for lane in self.lanes)

    @property
    def picture_digests(self) -> list[bytes]:
        """Digests of its tracks of picture, and of the file if it has any picture; a few at most."""
        tracks = [lane.picture.digest for lane in self.lanes if lane.picture]
        return _few([*([self.digest] if self.has_picture else []), *tracks])

    @property
    def digests_of_post(self) -> dict[Literal["visual", "audio"], list[bytes]]:
        """Digests of a medium of a post by modality, with the MD5 of the file, which references need not have."""
        md5 = [self.md5] if self.md5 else []
        return {
            "visual": [*self.picture_digests, *(md5 if self.has_picture else [])],
            "audio": [*self.sound_digests, *([] if self.has_picture else md5)],
        }

    @property
    def sound_digests(self) -> list[bytes]:
        """Digests of its tracks of sound, and of the file if it has no picture."""
        tracks = [lane.sound.digest for lane in self.lanes if lane.sound]
        return _few([*([] if self.has_picture else [self.digest]), *tracks])


class Span(NamedTuple):
    """A segment to be decoded."""

    start_s: float
    duration_s: float
    has_picture: bool
    """True if the lane has packets of its picture there."""
    has_sound: bool


class DecodedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """At most one segment of one medium; empty where nothing could be decoded."""

    start_s: float
    duration_s: float
    frames: list[Frame] = []
    thumbnails: list[Thumbnail] = []
    pcm: bytes = b""
    """Mono int16, little-endian, exactly lead_s + duration_s long; empty without sound, or if every sample is 0."""
    lead_s: float = 0.0
    """Seconds of sound before start_s, repeated from the segment before: windows extend over the border."""
    motion: Matrix | None = None
    """Motion, a row each second as `models.motion.rows` packs it; None if not sampled or without a frame."""
    picture: Coverage | None = None
    """How much of the picture's track was decoded."""
    sound: Coverage | None = None
    """How much of the sound's track was decoded."""
    digest: bytes = b""
    """SHA-256 of the pixels of a still image."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Job of a decoder child: scan a file, or, with the result of the scan, decode it or one stretch of it."""

    sampling: Sampling
    info: MediaInfo | None = None
    stretch: Stretch | None = None


def _few(digests: Iterable[bytes]) -> list[bytes]:
    return [*dict.fromkeys(digest for digest in digests if digest)][:_MAX_DIGESTS]
