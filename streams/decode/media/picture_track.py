"""The pictures of one track, taken segment by segment. Runs in the sandbox."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from schemas.messages import Frame, Matrix, Thumbnail
from streams.decode.media.attempts import Attempts
from streams.decode.media.clock import retimed
from streams.decode.media.decoded import Lane, Sampling, Stretch, Track
from streams.decode.media.motion_track import MotionTrack
from streams.decode.media.sample import FrameSampler, longest_gap, step
from streams.decode.media.sparse import sparse
from streams.decode.media.tracks import AnyPacket, decoded, opened, packets, seconds_of

_ENOUGH_FRAMES_PER_SECOND = 12
"""Rate from which frames that no other frame needs (B-frames) are skipped: half the work, and cuts are still found."""
_WITHOUT_B_FRAMES = ("h264", "mpeg4", "mpeg2video")
"""Codecs whose other frames hardly need B-frames: without any, cosines stay above 0.98. HEVC may have no others."""


class PictureTrack:
    """The frames of one track, taken segment by segment.

    Parameters
    ----------
    containers
        Closes what is opened.
    file
        Descriptor of the medium.
    lane, track
        As scanned.
    sampling
        Rates and sizes.
    stretch
        The part of the lane to decode, from the last key frame before it; by default all.
    """

    def __init__(
        self,
        containers: ExitStack,
        file: int,
        lane: Lane,
        track: Track,
        sampling: Sampling,
        *,
        stretch: Stretch | None = None,
    ) -> None:
        first = 0 if stretch is None else _key_frame(file, lane, track, stretch[0])
        container = containers.enter_context(opened(file, lane.part, undecoded=bool(sampling.longest_gap_s)))
        stream = container.streams[track.stream]
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.thread_count = 1  # one core for each child: the pool runs in parallel
        context.options = {**context.options, "max_pixels": str(sampling.max_pixels)}
        if sampling.longest_gap_s:
            context.options = {**context.options, "skip_loop_filter": "all"}  # no visible difference at 320 lines
        if not sampling.motion and stream.average_rate and stream.average_rate >= _ENOUGH_FRAMES_PER_SECOND:
            is_sparse = sampling.longest_gap_s and context.name in _WITHOUT_B_FRAMES
            context.skip_frame = "BIDIR" if is_sparse else "NONREF"
        step_s, gap_s = step(sampling, lane.duration_s), longest_gap(sampling, lane.duration_s)
        wanted: Iterator[AnyPacket] = retimed(packets(container, stream), track.epochs, lane.start_s)
        wanted = islice(wanted, first, None)
        if sampling.longest_gap_s:
            wanted = sparse(wanted, step_s=step_s / 4, gap_s=gap_s)
        self._start_s = lane.start_s
        self.decoded = Attempts(2 * gap_s)
        """Times of which frames were decoded."""
        self._frames = decoded(self.decoded.noted(wanted), VideoFrame)
        if stretch is not None:
            self._frames = _shown_from(stretch[0], self._frames)
        self._sampler = FrameSampler(sampling, step_s, track.rotation, float(stream.sample_aspect_ratio or 1))
        self._motion = MotionTrack(track.rotation) if sampling.motion else None
        self._pending: tuple[float, VideoFrame] | None = None

    def take(self, start_s: float, duration_s: float) -> tuple[list[Frame], list[Thumbnail]]:
        """Return the sampled frames and thumbnails of the next segment."""
        frames = self._until(start_s + duration_s)
        return self._sampler.sample(start_s, self._motion.seen(frames) if self._motion else frames)

    def motion(self, start_s: float, duration_s: float) -> Matrix | None:
        """Return the motion of the segment that was taken last; None if it is not sampled."""
        return self._motion.take(start_s, duration_s) if self._motion else None

    def _until(self, end_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Yield frames on the media clock, and keep the first one of the next segment."""
        while timed := self._pending or next(self._frames, None):
            time_s = max(self._start_s, timed[0])
            if self._pending is None:
                self.decoded.add(time_s, timed[1])
            self._pending = timed if time_s >= end_s else None
            if self._pending:
                return
            yield time_s, timed[1]


def _key_frame(file: int, lane: Lane, track: Track, start_s: float) -> int:
    """Return the number of the last key frame before a time, from which all frames since are decoded."""
    found = 0
    with opened(file, lane.part) as container:
        timed = retimed(packets(container, container.streams[track.stream]), track.epochs, lane.start_s)
        for number, packet in enumerate(timed):
            decoding = packet.pts if packet.dts is None else packet.dts
            if not packet.size or (decoding is not None and seconds_of(decoding, packet.time_base) > start_s):
                break
            shown = packet.dts if packet.pts is None else packet.pts
            if packet.is_keyframe and shown is not None and seconds_of(shown, packet.time_base) <= start_s:
                found = number
    return found


def _shown_from(start_s: float, frames: Iterator[tuple[float, VideoFrame]]) -> Iterator[tuple[float, VideoFrame]]:
    """Yield the frames from a time on, the first of them the one that is shown then."""
    shown: VideoFrame | None = None
    for time_s, frame in frames:
        if time_s <= start_s:
            shown = frame
            continue
        if shown is not None:
            yield start_s, shown
            shown = None
        yield time_s, frame
    if shown is not None:
        yield start_s, shown
