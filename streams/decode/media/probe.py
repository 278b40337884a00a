"""Scan of a medium from its packets alone: streams, exact duration, subtitles. Runs in the sandbox."""

import math
import struct
from dataclasses import dataclass, field

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from schemas.messages import Text
from streams.decode.media.decoded import MediaInfo, Sampling
from streams.decode.media.picture import opened_image
from streams.decode.media.subtitles import SubtitleReader
from streams.decode.media.tracks import AnyPacket, opened, packets
from streams.errors import UnprocessableError

_ANIMATED = ("PNG", "WEBP", "GIF")
_ORIENTATION = 0x0112
_UPRIGHT = {3: 180, 6: 270, 8: 90}
"""EXIF orientation to degrees counter-clockwise."""


def scan(file: int, sampling: Sampling) -> MediaInfo:
    """Return an open file's streams, duration and subtitles.

    Raises
    ------
    UnprocessableError
        media_unreadable, media_no_streams, image_too_large.
    """
    return _scan_image(file, sampling.max_pixels) or _scan_streams(file, sampling)


def _scan_image(file: int, max_pixels: int) -> MediaInfo | None:
    """Return the properties of a still image, None for any other file, also an animation."""
    with opened_image(file) as image:
        if image is None:
            return None
        _check_pixels(image.width, image.height, max_pixels)
        if image.format in _ANIMATED and getattr(image, "is_animated", False):
            return None
        # Read only if already loaded: otherwise Pillow decodes a whole PNG to find it.
        rotation = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1), 0) if "exif" in image.info else 0
        width, height = _turned(image.width, image.height, rotation)
        return MediaInfo(kind="image", duration_s=0.0, width=width, height=height, rotation=rotation)


def _scan_streams(file: int, sampling: Sampling) -> MediaInfo:
    with opened(file) as container:
        video, audio = _best_video(container), _first_audio(container)
        if video is None and audio is None:
            raise UnprocessableError("media_no_streams", "neither picture nor sound that we can decode")
        width, height, rotation = 0, 0, 0
        if video is not None:
            _check_pixels(video.width, video.height, sampling.max_pixels)
            rotation = _rotation(video)
            width, height = _turned(video.width, video.height, rotation)
        extent = _read_packets(container, video, audio, sampling.max_duration_s)
        if not extent.n_packets:
            raise UnprocessableError("media_unreadable", "the file ends before its first packet")
        return MediaInfo(
            kind="audio" if video is None else "video",
            duration_s=min(extent.end_s, sampling.max_duration_s),
            declared_s=max(0, container.duration or 0) / av.time_base,
            origin_s=extent.origin_s,
            video=None if video is None else video.index,
            audio=None if audio is None else audio.index,
            width=width,
            height=height,
            rotation=rotation,
            too_long=extent.end_s > sampling.max_duration_s,
            subtitles=sorted(extent.subtitles, key=lambda text: text.time_s or 0.0),
        )


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnprocessableError("image_too_large", f"{width} x {height} pixels, {max_pixels} allowed")


def _turned(width: int, height: int, rotation: int) -> tuple[int, int]:
    return (height, width) if rotation in (90, 270) else (width, height)


def _best_video(container: InputContainer) -> VideoStream | None:
    """Return the largest video stream that is no cover picture."""
    streams = [s for s in container.streams.video if _decodable(s) and not s.disposition & Disposition.attached_pic]
    return max(streams, key=lambda stream: stream.width * stream.height, default=None)


def _first_audio(container: InputContainer) -> AudioStream | None:
    return next((s for s in container.streams.audio if _decodable(s)), None)


def _decodable(stream: Stream) -> bool:
    """Return whether FFmpeg has a decoder; PyAV's codec_context is None without one, which its stubs omit."""
    return bool(stream.codec_context)


def _rotation(video: VideoStream) -> int:
    """Return the display matrix as degrees counter-clockwise, to the nearest quarter."""
    matrix = video.codec_context.coded_side_data.get("display_matrix")
    if not matrix:
        return 0
    a, b = struct.unpack_from("=2i", matrix)
    return round(math.degrees(math.atan2(-b, a)) / 90) * 90 % 360


@dataclass
class _Extent:
    """Extent and subtitles of the packets read so far."""

    origin_s: float
    max_duration_s: float
    end_s: float = 0.0
    n_packets: int = 0
    subtitles: list[Text] = field(default_factory=list)

    def add(self, packet: AnyPacket) -> None:
        """Extend to the end of a packet of picture or sound."""
        start = packet.dts if packet.pts is None else packet.pts
        if start is None or packet.is_discard:
            return
        duration = packet.duration or _usual_duration(packet)
        self.n_packets += 1
        self.end_s = max(self.end_s, float((start + duration) * packet.time_base) - self.origin_s)


def _usual_duration(packet: AnyPacket) -> int:
    """Return one frame's duration by the average rate, in units of the packet's time base; 0 without a rate."""
    rate = packet.stream.average_rate if isinstance(packet.stream, VideoStream) else None
    return round(1 / (rate * packet.time_base)) if rate else 0


def _read_packets(
    container: InputContainer, video: VideoStream | None, audio: AudioStream | None, max_duration_s: float
) -> _Extent:
    """Return the extent of the packets; reading stops soon after the longest duration."""
    chosen = [stream for stream in (video, audio) if stream is not None]
    starts = [float(s.start_time * s.time_base) for s in chosen if s.start_time is not None]
    extent = _Extent(min(starts, default=0.0), max_duration_s)
    reader = SubtitleReader(extent.origin_s)
    texts = [stream for stream in container.streams.subtitles if _decodable(stream)]
    for packet in packets(container, *chosen, *texts):
        if isinstance(packet.stream, SubtitleStream):
            extent.subtitles += reader.read(packet)
        else:
            extent.add(packet)
        if extent.end_s > max_duration_s:
            break
    return extent
