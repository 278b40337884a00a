"""Scan of a medium from its packets alone: tracks, exact duration, subtitles. Runs in the sandbox."""

import os
from collections.abc import Iterator

import av
import msgspec
from av.container import InputContainer
from av.subtitles.stream import SubtitleStream

from schemas.messages import Text
from streams.decode.media.choice import Choice
from streams.decode.media.clock import Clock
from streams.decode.media.decoded import Lane, MediaInfo, Part, Refusal, Sampling, Track
from streams.decode.media.digests import file_digests
from streams.decode.media.heif import photo
from streams.decode.media.parts import parts
from streams.decode.media.picture import is_animated, opened_image, upright_size
from streams.decode.media.subtitles import SubtitleReader
from streams.decode.media.tracks import opened, packets
from streams.errors import UnprocessableError

_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
"""Neither Pillow nor FFmpeg as PyAV builds it decodes it."""
_HEAD_BYTES = 1024
_LEAST_SEGMENTS = 16
_BYTES_A_SEGMENT = 4096
"""A file of fewer bytes for each further segment is no real recording, and its records would cost far more than it."""


def scan(file: int, sampling: Sampling) -> MediaInfo:
    """Return an open file's tracks, duration and subtitles.

    Raises
    ------
    UnprocessableError
        media_unreadable, media_no_streams, media_encrypted, media_codec_unknown, image_too_large.
    """
    found, error = _Found(longest_s(file, sampling)), None
    for part in parts(file):
        try:
            _scan_part(file, part, sampling, found)
        except UnprocessableError as refused:
            error = error or refused
            found.refused.append(Refusal(reason="media_partial", detail=f"bytes {part[0]}-{part[1]}: {refused.detail}"))
    if not found.lanes:
        raise error or UnprocessableError("media_unreadable", "the file ends before its first packet")
    digests = file_digests(file)
    return msgspec.structs.replace(found.info(), digest=digests.sha256, md5=digests.md5)


def longest_s(file: int, sampling: Sampling) -> float:
    """Return the duration up to which a file is decoded: the longest allowed, less for one of very few bytes."""
    n_segments = _LEAST_SEGMENTS + os.fstat(file).st_size // _BYTES_A_SEGMENT
    return min(sampling.max_duration_s, n_segments * sampling.segment_s)


class _Found:
    """What the parts scanned so far contain."""

    def __init__(self, longest_s: float) -> None:
        self.left_s = longest_s
        """Seconds that may still be decoded, of all tracks together but those that run beside others."""
        self.end_s = 0.0
        self.declared_s = 0.0
        self.lanes: list[Lane] = []
        self.refused: list[Refusal] = []
        self.subtitles: list[Text] = []
        self.too_long = False
        self._size = (0, 0)

    def add_still(self, part: Part, size: tuple[int, int]) -> None:
        """Add a still image."""
        self.lanes.append(Lane(part=part, start_s=self.end_s, is_still=True))
        self._size = self._size if any(self._size) else size

    def add(self, lane: Lane) -> None:
        """Add a lane, as far as it may be decoded."""
        duration_s = min(lane.duration_s, self.left_s)
        self.too_long |= duration_s < lane.duration_s
        self.left_s -= duration_s
        if lane.picture and not any(self._size):
            self._size = lane.picture.width, lane.picture.height
        if duration_s or not lane.duration_s:
            self.lanes.append(msgspec.structs.replace(lane, duration_s=duration_s))

    def info(self) -> MediaInfo:
        """Return all of it."""
        has_video = any(lane.picture for lane in self.lanes)
        has_sound = any(lane.sound for lane in self.lanes)
        return MediaInfo(
            kind="video" if has_video else "audio" if has_sound else "image",
            duration_s=max(lane.end_s for lane in self.lanes),
            declared_s=self.declared_s,
            width=self._size[0],
            height=self._size[1],
            lanes=self.lanes,
            refused=self.refused,
            too_long=self.too_long,
            subtitles=sorted(self.subtitles, key=lambda text: text.time_s or 0.0),
        )


def _scan_part(file: int, part: Part, sampling: Sampling, found: _Found) -> None:
    size = _photo_size(file, part, sampling.max_pixels) or _image_size(file, part, sampling.max_pixels)
    if size is not None:
        found.add_still(part, size)
        return
    _check_head(os.pread(file, _HEAD_BYTES, part[0]))
    _scan_streams(file, part, sampling, found)


def _check_head(head: bytes) -> None:
    """Refuse by name what no decoder here takes; the fetcher replaces playlists by their media, where it can."""
    if head.startswith(_JPEG_XL):
        raise UnprocessableError("media_codec_unknown", "JPEG XL")
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if text.startswith(b"#EXTM3U") or (text.startswith(b"<") and b"<MPD" in text):
        raise UnprocessableError("media_playlist", "a playlist, which names the media; those were not fetched")


def _photo_size(file: int, part: Part, max_pixels: int) -> tuple[int, int] | None:
    """Return width and height of a HEIC photo, None for any other file."""
    found = photo(file, part)
    if found is None:
        return None
    _check_pixels(found.width, found.height, max_pixels)
    return (found.height, found.width) if found.rotation in (90, 270) else (found.width, found.height)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnprocessableError(
            "image_too_large", f"{width} x {height} pixels, {max_pixels} allowed (JIKIMI_MEDIA_MAX_PIXELS)"
        )


def _image_size(file: int, part: Part, max_pixels: int) -> tuple[int, int] | None:
    """Return width and height of a still image, None for any other file, also an animation."""
    with opened_image(file, part) as image:
        if image is None:
            return None
        _check_pixels(image.width, image.height, max_pixels)
        if is_animated(image):
            return None
        return upright_size(image)


def _scan_streams(file: int, part: Part, sampling: Sampling, found: _Found) -> None:
    with opened(file, part, undecoded=True) as container:
        choice = Choice(container, sampling.max_pixels)
        starts = [float(s.start_time * s.time_base) for s in choice.streams if s.start_time is not None]
        clock = Clock(found.end_s, min(starts, default=None))
        found.too_long |= not _read_packets(container, choice, clock, found)
        pictures, sounds = choice.tracks(clock)
        found.refused += choice.refused
        found.declared_s += max(0, container.duration or 0) / av.time_base
    if not pictures and not sounds:
        raise choice.error()
    lanes = list(_lanes(part, clock.start_s, pictures, sounds))
    for lane in lanes:
        found.add(lane)
    found.end_s = max(lane.end_s for lane in lanes)


def _read_packets(container: InputContainer, choice: Choice, clock: Clock, found: _Found) -> bool:
    """Read the packets, and return False if reading stopped soon after the longest duration."""
    reader = SubtitleReader()
    if not choice.streams:
        return True
    for packet in packets(container, *choice.streams, *choice.texts):
        if isinstance(packet.stream, SubtitleStream):
            found.subtitles += reader.read(packet, clock.offset_s)
        else:
            choice.add(packet, clock)
        if clock.passed_s - clock.start_s > found.left_s:
            return False
    return True


def _lanes(part: Part, start_s: float, pictures: list[Track], sounds: list[Track]) -> Iterator[Lane]:
    """Yield the tracks of a part, one of each kind at a time."""
    for number in range(max(len(pictures), len(sounds))):
        picture = pictures[number] if number < len(pictures) else None
        sound = sounds[number] if number < len(sounds) else None
        end_s = max(track.stretches[-1][1] for track in (picture, sound) if track is not None)
        yield Lane(part=part, start_s=start_s, duration_s=max(0.0, end_s - start_s), picture=picture, sound=sound)
