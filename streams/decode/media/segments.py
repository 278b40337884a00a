"""Decoding of one medium from start to end, segment by segment. Runs in the sandbox.

Picture and sound are read through two open files of one medium, so that one with all its sound after all its picture
needs no more memory than any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import msgspec
import numpy as np
from av.audio.frame import AudioFrame
from PIL import Image

from schemas.messages import Coverage, Frame, Thumbnail
from streams.decode.media import preloaded  # noqa: F401 - before the sandbox closes
from streams.decode.media.clock import retimed
from streams.decode.media.coverage import missing, seconds
from streams.decode.media.cutting import lane_spans, within
from streams.decode.media.decoded import (
    DecodedSegment,
    Job,
    Lane,
    MediaInfo,
    Part,
    Refusal,
    Sampling,
    Span,
    Stretch,
    Track,
)
from streams.decode.media.digests import pixels_digest
from streams.decode.media.heif import photo
from streams.decode.media.picture import blurred, jpeg, opaque, opened_image, shrunk, small_size, thumbnail
from streams.decode.media.picture_track import PictureTrack
from streams.decode.media.probe import scan
from streams.decode.media.sound import Pcm, SoundTrack
from streams.decode.media.stretch import stretch
from streams.decode.media.tiles import joined
from streams.decode.media.tracks import decoded, opened, packets
from streams.errors import UnprocessableError

_MOST_NAMED = 5
"""Stretches named of a track that was not decoded in full."""

type Files = Sequence[int]
"""Two descriptors of one medium, each with a position of its own."""


def work(request: bytes, files: Files) -> Iterator[bytes]:
    """Yield the answers to one Job: one MediaInfo, its segments or one stretch of it, as MessagePack.

    Raises
    ------
    UnprocessableError
        With a MediaReason.
    """
    job = msgspec.msgpack.decode(request, type=Job)
    if job.info is None:
        yield msgspec.msgpack.encode(scan(files[0], job.sampling))
        return
    decoded = segments(files, job.info, job.sampling)
    if job.stretch is not None:
        decoded = stretch(
            files[0], job.info, job.sampling, job.stretch, partial(_still, files[0], sampling=job.sampling)
        )
    for segment in decoded:
        yield msgspec.msgpack.encode(segment)


def segments(files: Files, info: MediaInfo, sampling: Sampling) -> Iterator[DecodedSegment]:
    """Yield exactly the segments that `cut` returns, in order.

    Raises
    ------
    UnprocessableError
        After all segments: media_unreadable if nothing could be decoded, media_too_long if more would follow, the
        reason of the first track that was not decoded, or not in full.
    """
    shortfalls: list[Refusal] = list(info.refused)
    n_decoded = 0
    for lane in info.lanes:
        if lane.is_still:
            yield _still(files[0], lane, sampling, shortfalls)
            n_decoded += 1
            continue
        with ExitStack() as containers:
            tracks = _Tracks(containers, files, lane, sampling)
            yield from tracks.segments()
            n_decoded += tracks.n_decoded
            shortfalls += tracks.shortfalls()
    if not n_decoded:
        raise UnprocessableError("media_unreadable", "no frame and no sound could be decoded")
    if info.too_long:
        raise UnprocessableError(
            "media_too_long", f"decoded up to {info.duration_s:g} s, more follows (JIKIMI_MEDIA_MAX_DURATION_S)"
        )
    if shortfalls:
        raise UnprocessableError(shortfalls[0].reason, "; ".join(each.detail for each in shortfalls))


class _Tracks:
    """Picture and sound of one lane."""

    def __init__(self, containers: ExitStack, files: Files, lane: Lane, sampling: Sampling) -> None:
        self._lane, self._sampling = lane, sampling
        self._picture = lane.picture and PictureTrack(containers, files[0], lane, lane.picture, sampling)
        self._sound = lane.sound and _open_sound(containers, files[1], lane, lane.sound, sampling)

    def segments(self) -> Iterator[DecodedSegment]:
        """Yield the segments of the lane."""
        for span in lane_spans(self._lane, self._sampling.segment_s):
            start_s, duration_s = span.start_s, span.duration_s
            kept: list[Frame] = []
            thumbnails: list[Thumbnail] = []
            pcm, lead_s, motion = b"", 0.0, None
            if self._picture and span.has_picture:
                kept, thumbnails = self._picture.take(start_s, duration_s)
                motion = self._picture.motion(start_s, duration_s)
            if self._sound and span.has_sound:
                lead = self._sound.lead(start_s)
                pcm = _bytes(np.concatenate([lead, self._sound.take(start_s, duration_s)]))
                lead_s = len(lead) / self._sampling.sound_rate_hz
            yield DecodedSegment(
                start_s=start_s,
                duration_s=duration_s,
                frames=kept,
                thumbnails=thumbnails,
                pcm=pcm,
                lead_s=lead_s,
                motion=motion,
                picture=self._coverage(self._lane.picture, span) if span.has_picture else None,
                sound=self._coverage(self._lane.sound, span) if span.has_sound else None,
            )

    @property
    def n_decoded(self) -> int:
        """Tracks of which something was decoded, if only damaged frames."""
        tracks = (track for track in (self._picture, self._sound) if isinstance(track, PictureTrack | SoundTrack))
        return sum(not track.decoded.is_empty for track in tracks)

    def shortfalls(self) -> Iterator[Refusal]:
        """Yield the tracks of which a stretch was not decoded."""
        for track in (self._lane.picture, self._lane.sound):
            if track is None:
                continue
            present = within(track.stretches, self._lane.start_s, self._lane.end_s)
            if left := missing(present, self._decoded(track)):
                yield _shortfall(track, present, left)

    def _coverage(self, track: Track | None, span: Span) -> Coverage | None:
        if track is None:
            return None
        present = within(track.stretches, span.start_s, span.start_s + span.duration_s)
        decoded = [each for stretch in present for each in within(self._decoded(track), *stretch)]
        return Coverage(track=track.stream, codec=track.codec, present_s=seconds(present), decoded_s=seconds(decoded))

    def _decoded(self, track: Track | None) -> list[Stretch]:
        if track is None:
            return []
        source = self._picture if track is self._lane.picture else self._sound
        return source.decoded.merged() if source else []


def _shortfall(track: Track, present: Sequence[Stretch], left: Sequence[Stretch]) -> Refusal:
    stretches = ", ".join(f"{start_s:.1f}-{end_s:.1f} s" for start_s, end_s in left[:_MOST_NAMED])
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    total_s, missing_s = seconds(present), seconds(left)
    detail = f"track {track.stream} ({track.codec}): {missing_s:.1f} of {total_s:.1f} s not decoded: {stretches}{more}"
    return Refusal(reason="media_partial", detail=detail)


def _bytes(pcm: Pcm) -> bytes:
    """Return samples as a record carries them; none if all are 0."""
    return pcm.astype("<i2").tobytes() if pcm.any() else b""


def _open_sound(containers: ExitStack, file: int, lane: Lane, track: Track, sampling: Sampling) -> SoundTrack:
    container = containers.enter_context(opened(file, lane.part, undecoded=True))
    stream = container.streams[track.stream]
    timed = retimed(packets(container, stream), track.epochs, lane.start_s)
    return SoundTrack(decoded(timed, AudioFrame), sampling.sound_rate_hz, lane.start_s, sampling.sound_lead_s)


def _still(file: int, lane: Lane, sampling: Sampling, shortfalls: list[Refusal] | None = None) -> DecodedSegment:
    """Return a still image as a segment of no duration."""
    picture = _picture(file, lane.part, sampling, [] if shortfalls is None else shortfalls)
    small = shrunk(picture, sampling.short_side)
    return DecodedSegment(
        start_s=lane.start_s,
        duration_s=0.0,
        frames=[Frame(time_s=lane.start_s, jpeg=jpeg(small))],
        thumbnails=[Thumbnail(time_s=lane.start_s, jpeg=thumbnail(blurred(small)))] if sampling.max_thumbnails else [],
        digest=pixels_digest(picture),
    )


def _picture(file: int, part: Part, sampling: Sampling, shortfalls: list[Refusal]) -> Image.Image:
    if (found := photo(file, part)) is not None:
        picture, n_missing = joined(file, part, found)
        if n_missing:
            detail = f"{n_missing} of {len(found.tiles)} tiles of the photo not decoded"
            shortfalls.append(Refusal(reason="media_partial", detail=detail))
        return picture
    with opened_image(file, part) as image:
        if image is None:
            raise UnprocessableError("media_unreadable", "the image changed after it was scanned")
        width, height = small_size(image.width, image.height, sampling.short_side)
        image.draft("RGB", (2 * width, 2 * height))  # a large JPEG is decoded at a fraction of its size
        return opaque(image)
