"""One stretch of a medium, with every frame decoded, for a second look. Runs in the sandbox."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import msgspec

from schemas.messages import Frame, Matrix, Thumbnail
from streams.decode.media.coverage import JOIN_S, missing
from streams.decode.media.cutting import within
from streams.decode.media.decoded import DecodedSegment, Lane, MediaInfo, Refusal, Sampling, Stretch
from streams.decode.media.picture_track import PictureTrack
from streams.errors import UnprocessableError

_MAX_LANES = 16
"""Lanes of picture that are shown at one time; further ones are left out."""

type Still = Callable[[Lane], DecodedSegment]
"""Decodes a still image."""


def stretch(file: int, info: MediaInfo, sampling: Sampling, wanted: Stretch, still: Still) -> Iterator[DecodedSegment]:
    """Yield one segment: the pictures of a stretch, of all tracks that show some then, and the motion of the first.

    Raises
    ------
    UnprocessableError
        After the segment: media_unreadable if it has no frame, media_partial if frames are missing.
    """
    start_s, end_s = wanted
    lanes = [lane for lane in info.lanes if _shows(lane, wanted)][:_MAX_LANES]
    found, shortfalls = _Found(), list[Refusal]()
    if info.duration_s < end_s - JOIN_S:
        detail = f"the medium now ends at {info.duration_s:g} s"
        shortfalls.append(Refusal(reason="media_partial", detail=detail))
    for lane in lanes:
        if lane.is_still:
            found.add(still(lane))
        else:
            found.add(_moving(file, lane, _shared(sampling, len(lanes)), wanted, shortfalls))
    yield DecodedSegment(
        start_s=start_s,
        duration_s=end_s - start_s,
        frames=sorted(found.frames, key=lambda frame: frame.time_s)[: sampling.max_frames],
        thumbnails=sorted(found.thumbnails, key=lambda one: one.time_s)[: sampling.max_thumbnails],
        motion=found.motion,
        digest=found.digest,
    )
    if not found.frames:
        raise UnprocessableError("media_unreadable", f"no frame from {start_s:g} to {end_s:g} s")
    if shortfalls:
        raise UnprocessableError(shortfalls[0].reason, shortfalls[0].detail)


class _Found:
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.thumbnails: list[Thumbnail] = []
        self.motion: Matrix | None = None
        self.digest = b""

    def add(self, decoded: DecodedSegment) -> None:
        self.frames += decoded.frames
        self.thumbnails += decoded.thumbnails
        self.motion = self.motion or decoded.motion
        self.digest = self.digest or decoded.digest


def _shows(lane: Lane, wanted: Stretch) -> bool:
    if lane.is_still:
        return wanted[0] <= lane.start_s <= wanted[1]
    return lane.picture is not None and bool(within(lane.picture.stretches, *wanted))


def _shared(sampling: Sampling, n_lanes: int) -> Sampling:
    """Return the sampling of one of several tracks, which share the frames of the record."""
    return msgspec.structs.replace(
        sampling,
        frames_per_second=sampling.frames_per_second / n_lanes,
        max_frames=max(1, sampling.max_frames // n_lanes),
        max_thumbnails=sampling.max_thumbnails // n_lanes,
    )


def _moving(file: int, lane: Lane, sampling: Sampling, wanted: Stretch, shortfalls: list[Refusal]) -> DecodedSegment:
    assert lane.picture is not None
    start_s, duration_s = wanted[0], wanted[1] - wanted[0]
    with ExitStack() as containers:
        track = PictureTrack(containers, file, lane, lane.picture, sampling, stretch=wanted)
        frames, thumbnails = track.take(start_s, duration_s)
        if missing(within(lane.picture.stretches, *wanted), track.decoded.merged()):
            detail = (
                f"track {lane.picture.stream} ({lane.picture.codec}): not all from {wanted[0]:g} to {wanted[1]:g} s"
            )
            shortfalls.append(Refusal(reason="media_partial", detail=detail))
        motion = track.motion(start_s, duration_s)
        return DecodedSegment(
            start_s=start_s, duration_s=duration_s, frames=frames, thumbnails=thumbnails, motion=motion
        )
