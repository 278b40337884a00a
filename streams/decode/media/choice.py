"""Choice of the tracks of a file: every sound, every film; covers and thumbnails only where there is no film.

Runs in the sandbox.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from streams.decode.media.clock import Clock
from streams.decode.media.coverage import Stretches
from streams.decode.media.decoded import Refusal, Track
from streams.decode.media.digests import TrackDigest
from streams.decode.media.tracks import AnyPacket, is_decodable
from streams.errors import UnprocessableError

_MAX_TRACKS = 8
"""Tracks of one kind; further ones are reported as not decoded."""
_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_IMAGE_CODECS = {"bmp", "gif", "mjpeg", "png", "tiff", "webp"}
_FEW_IMAGES = 16
"""An image codec with no more packets makes covers or the pictures of chapters beside a film, not a film."""
_LONGEST_PACKET_S = 60.0
"""A picture shown for longer is not looked for in later segments."""


@dataclass(slots=True)
class _Seen:
    """What the packets of one stream have shown."""

    stream: VideoStream | AudioStream
    n_packets: int = 0
    stretches: Stretches = field(default_factory=Stretches)
    digest: TrackDigest = field(default_factory=TrackDigest)
    is_encrypted: bool = False


class Choice:
    """The streams of one container that may be decoded, and what the scan finds of each.

    Parameters
    ----------
    container
        Open container.
    max_pixels
        Most pixels of a picture.
    """

    def __init__(self, container: InputContainer, max_pixels: int) -> None:
        self.refused: list[Refusal] = []
        """Tracks that are not decoded."""
        self.texts = [s for s in container.streams.subtitles if is_decodable(s)]
        """Streams of subtitles."""
        self._seen: dict[int, _Seen] = {}
        streams: list[VideoStream | AudioStream] = [
            *self._first(container.streams.video),
            *self._first(container.streams.audio),
        ]
        for stream in streams:
            if reason := _refusal(stream, max_pixels):
                self.refused.append(reason)
            else:
                self._seen[stream.index] = _Seen(stream)

    def _first[S: (VideoStream, AudioStream)](self, streams: Sequence[S]) -> Sequence[S]:
        if (n_more := len(streams) - _MAX_TRACKS) > 0:
            detail = f"{n_more} of {len(streams)} {streams[0].type} tracks beyond the first {_MAX_TRACKS}"
            self.refused.append(Refusal(reason="media_partial", detail=detail))
        return streams[:_MAX_TRACKS]

    @property
    def streams(self) -> list[Stream]:
        """The streams of picture and sound."""
        return [seen.stream for seen in self._seen.values()]

    def add(self, packet: AnyPacket, clock: Clock) -> None:
        """Place a packet of picture or sound on the clock, and count it."""
        seen = self._seen[packet.stream.index]
        if not packet.size:
            return
        seen.digest.add(packet)
        start_s, end_s = clock.place(packet)
        if packet.is_discard:
            return
        if not seen.n_packets:
            seen.is_encrypted = packet.has_sidedata("encryption_info")
        seen.n_packets += 1
        seen.stretches.add(max(start_s, clock.start_s), max(min(end_s, start_s + _LONGEST_PACKET_S), clock.start_s))

    def tracks(self, clock: Clock) -> tuple[list[Track], list[Track]]:
        """Return the tracks of picture and of sound, default ones first, and note those that cannot be decoded."""
        for seen in self._seen.values():
            if seen.is_encrypted:
                self.refused.append(Refusal(reason="media_encrypted", detail=f"{_name(seen.stream)} is encrypted"))
        usable = [seen for seen in self._seen.values() if seen.n_packets and not seen.is_encrypted]
        pictures = list(_films([seen for seen in usable if isinstance(seen.stream, VideoStream)]))
        sounds = [seen for seen in usable if isinstance(seen.stream, AudioStream)]
        return _tracks(pictures, clock), _tracks(sounds, clock)

    def error(self) -> UnprocessableError:
        """Return why the container has no track."""
        for refusal in self.refused:
            return UnprocessableError(refusal.reason, refusal.detail)
        if self._seen:
            return UnprocessableError("media_unreadable", "the file ends before its first packet")
        return UnprocessableError("media_no_streams", "neither picture nor sound that we can decode")


def _films(seen: Sequence[_Seen]) -> Iterator[_Seen]:
    """Yield the tracks that are films; if there is none, all."""
    films = [one for one in seen if not _is_cover(one, len(seen) > 1)]
    yield from films or seen


def _is_cover(seen: _Seen, has_others: bool) -> bool:
    if seen.stream.disposition & _COVERS:
        return True
    is_image = seen.stream.codec_context.name in _IMAGE_CODECS
    return has_others and (seen.n_packets == 1 or (is_image and seen.n_packets <= _FEW_IMAGES))


def _tracks(seen: Sequence[_Seen], clock: Clock) -> list[Track]:
    def rank(one: _Seen) -> tuple[bool, int]:
        pixels = one.stream.width * one.stream.height if isinstance(one.stream, VideoStream) else 0
        return not one.stream.disposition & Disposition.default, -pixels

    return [_track(one, clock) for one in sorted(seen, key=rank)]


def _track(seen: _Seen, clock: Clock) -> Track:
    stream, rotation, size = seen.stream, 0, (0, 0)
    if isinstance(stream, VideoStream):
        rotation = _rotation(stream)
        size = (stream.height, stream.width) if rotation in (90, 270) else (stream.width, stream.height)
    return Track(
        stream=stream.index,
        codec=stream.codec_context.name,
        epochs=clock.epochs(stream.index),
        stretches=seen.stretches.merged(),
        width=size[0],
        height=size[1],
        rotation=rotation,
        digest=seen.digest.value(),
    )


def _refusal(stream: VideoStream | AudioStream, max_pixels: int) -> Refusal | None:
    """Return why a stream cannot be decoded, None if it can."""
    if not is_decodable(stream):
        return Refusal(reason="media_codec_unknown", detail=f"{_name(stream)} has a codec without a decoder")
    if isinstance(stream, VideoStream) and stream.width * stream.height > max_pixels:
        detail = (
            f"{_name(stream)}: {stream.width} x {stream.height} pixels, {max_pixels} allowed (JIKIMI_MEDIA_MAX_PIXELS)"
        )
        return Refusal(reason="image_too_large", detail=detail)
    return None


def _name(stream: Stream) -> str:
    return f"track {stream.index} ({stream.type})"


def _rotation(video: VideoStream) -> int:
    """Return the display matrix as degrees counter-clockwise, to the nearest quarter.

    A mirrored picture is only turned: mirrored copies are found as they are.
    """
    matrix = video.codec_context.coded_side_data.get("display_matrix")
    if not matrix:
        return 0
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    side = -1 if a * d < b * c else 1
    return round(math.degrees(math.atan2(-b * side, a * side)) / 90) * 90 % 360
