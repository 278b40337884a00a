"""Decoding of one medium from start to end, segment by segment. Runs in the sandbox.

Picture and sound are read through two open files of one medium, so that one with all its sound after all its picture
needs no more memory than any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import msgspec
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from schemas.messages import Frame, Thumbnail
from streams.decode.media import preloaded  # noqa: F401 - before the sandbox closes
from streams.decode.media.decoded import DecodedSegment, Job, MediaInfo, Sampling, cut
from streams.decode.media.picture import blurred, jpeg, opaque, opened_image, shrunk, small_size, thumbnail
from streams.decode.media.probe import scan
from streams.decode.media.sample import FrameSampler, longest_gap, step
from streams.decode.media.sound import SoundTrack
from streams.decode.media.sparse import sparse
from streams.decode.media.tracks import decoded, frames, opened, packets
from streams.errors import UnprocessableError

_ENOUGH_FRAMES_PER_SECOND = 12
"""Rate from which frames that no other frame needs (B-frames) are skipped: half the work, and cuts are still found."""
_WITHOUT_B_FRAMES = ("h264", "mpeg4", "mpeg2video")
"""Codecs whose other frames hardly need B-frames: without any, cosines stay above 0.98. HEVC may have no others."""


type Files = Sequence[int]
"""Two descriptors of one medium, each with a position of its own."""


def work(request: bytes, files: Files) -> Iterator[bytes]:
    """Yield the answers to one Job: one MediaInfo, or its segments, as MessagePack.

    Raises
    ------
    UnprocessableError
        With a MediaReason.
    """
    job = msgspec.msgpack.decode(request, type=Job)
    if job.info is None:
        yield msgspec.msgpack.encode(scan(files[0], job.sampling))
        return
    for segment in segments(files, job.info, job.sampling):
        yield msgspec.msgpack.encode(segment)


def segments(files: Files, info: MediaInfo, sampling: Sampling) -> Iterator[DecodedSegment]:
    """Yield exactly the segments that `cut` returns, in order.

    Raises
    ------
    UnprocessableError
        After all segments: media_too_long if more would follow, media_unreadable if nothing could be decoded.
    """
    if info.kind == "image":
        yield _image(files[0], sampling)
        return
    with ExitStack() as containers:
        picture = _PictureTrack(containers, files[0], info, sampling) if info.video is not None else None
        sound = _open_sound(containers, files[1], info, sampling) if info.audio is not None else None
        for start_s, duration_s in cut(info, sampling.segment_s):
            kept, thumbnails = picture.take(start_s, duration_s) if picture else ([], [])
            pcm = sound.take(start_s, duration_s).astype("<i2").tobytes() if sound else b""
            yield DecodedSegment(start_s=start_s, duration_s=duration_s, frames=kept, thumbnails=thumbnails, pcm=pcm)
    if not (picture and picture.has_decoded) and not (sound and sound.has_decoded):
        raise UnprocessableError("media_unreadable", "no frame and no sound could be decoded")
    if info.too_long:
        raise UnprocessableError("media_too_long", f"decoded up to {info.duration_s:g} s, more follows")


class _PictureTrack:
    """The frames of one medium, taken segment by segment."""

    def __init__(self, containers: ExitStack, file: int, info: MediaInfo, sampling: Sampling) -> None:
        container = containers.enter_context(opened(file))
        stream = container.streams[info.video or 0]
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.thread_count = 1  # one core for each child: the pool runs in parallel
        context.options = {**context.options, "max_pixels": str(sampling.max_pixels)}
        if sampling.longest_gap_s:
            context.options = {**context.options, "skip_loop_filter": "all"}  # no visible difference at 320 lines
        if stream.average_rate and stream.average_rate >= _ENOUGH_FRAMES_PER_SECOND:
            is_sparse = sampling.longest_gap_s and context.name in _WITHOUT_B_FRAMES
            context.skip_frame = "BIDIR" if is_sparse else "NONREF"
        self._origin_s = info.origin_s
        step_s = step(sampling, info.duration_s)
        wanted = packets(container, stream)
        if sampling.longest_gap_s:
            wanted = sparse(wanted, step_s=step_s / 4, gap_s=longest_gap(sampling, info.duration_s))
        self._frames = decoded(wanted, VideoFrame)
        self._sampler = FrameSampler(sampling, step_s, info.rotation, float(stream.sample_aspect_ratio or 1))
        self._pending: tuple[float, VideoFrame] | None = None
        self.has_decoded = False

    def take(self, start_s: float, duration_s: float) -> tuple[list[Frame], list[Thumbnail]]:
        """Return the sampled frames and thumbnails of the next segment."""
        return self._sampler.sample(start_s, self._until(start_s + duration_s))

    def _until(self, end_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Yield frames on the media clock, and keep the first one of the next segment."""
        while timed := self._pending or next(self._frames, None):
            self.has_decoded = True
            time_s = max(0.0, timed[0] - self._origin_s)
            self._pending = timed if time_s >= end_s else None
            if self._pending:
                return
            yield time_s, timed[1]


def _open_sound(containers: ExitStack, file: int, info: MediaInfo, sampling: Sampling) -> SoundTrack:
    container = containers.enter_context(opened(file))
    stream = container.streams[info.audio or 0]
    timed = ((time_s - info.origin_s, frame) for time_s, frame in frames(container, stream, AudioFrame))
    return SoundTrack(timed, sampling.sound_rate_hz)


def _image(file: int, sampling: Sampling) -> DecodedSegment:
    """Return a still image as a segment of no duration."""
    with opened_image(file) as image:
        if image is None:
            raise UnprocessableError("media_unreadable", "the image changed after it was scanned")
        width, height = small_size(image.width, image.height, sampling.short_side)
        image.draft("RGB", (2 * width, 2 * height))  # a large JPEG is decoded at a fraction of its size
        picture = opaque(image)
    small = shrunk(picture, sampling.short_side)
    return DecodedSegment(
        start_s=0.0,
        duration_s=0.0,
        frames=[Frame(time_s=0.0, jpeg=jpeg(small))],
        thumbnails=[Thumbnail(time_s=0.0, jpeg=thumbnail(blurred(small)))] if sampling.max_thumbnails else [],
    )
