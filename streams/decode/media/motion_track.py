"""Motion of a video, segment by segment, from its decoded frames. Runs in the sandbox."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from models.motion.rows import pack_track
from models.motion.track import HEIGHT, STEP_S, WIDTH, track
from schemas.messages import Matrix

_CLOSEST_S = 0.03
"""Frames nearer to the one before than this add cost and no motion: videos of 50 or 60 frames a second."""
_MOST_FRAMES = 4096
"""Frames of one segment, 9 MB: further ones are ignored."""


class MotionTrack:
    """Motion of one video track.

    Parameters
    ----------
    rotation
        Degrees counter-clockwise that turn its frames upright: 0, 90, 180 or 270.
    """

    def __init__(self, rotation: int) -> None:
        self._turns = rotation // 90 % 4
        self._size = (HEIGHT, WIDTH) if self._turns % 2 else (WIDTH, HEIGHT)
        self._small = VideoReformatter()
        self._grey: list[npt.NDArray[np.uint8]] = []
        self._times_s: list[float] = []

    def seen(self, timed: Iterator[tuple[float, VideoFrame]]) -> Iterator[tuple[float, VideoFrame]]:
        """Yield the same frames with their times, seconds, and keep each in grey."""
        for time_s, frame in timed:
            if len(self._grey) < _MOST_FRAMES and (not self._grey or time_s >= self._times_s[-1] + _CLOSEST_S):
                self._grey.append(self._shrunk(frame))
                self._times_s.append(time_s)
            yield time_s, frame

    def take(self, start_s: float, duration_s: float) -> Matrix | None:
        """Return the motion of the segment whose frames were seen last; None if there was never a frame."""
        if not self._grey:
            return None
        times_s, end_s = np.array(self._times_s), start_s + duration_s
        n_before = int(self._times_s[0] < start_s)  # the first row is the change since the segment before
        rows = track(np.stack(self._grey), times_s, start_s=start_s - n_before * STEP_S, end_s=end_s)
        shown = max(0, int(np.searchsorted(times_s, end_s - STEP_S, side="right")) - 1)
        self._grey, self._times_s = self._grey[shown:], self._times_s[shown:]
        return pack_track(rows[n_before:])

    def _shrunk(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        width, height = self._size
        grey = self._small.reformat(frame, width, height, "gray8", interpolation=Interpolation.AREA, threads=1)
        return np.rot90(grey.to_ndarray(), self._turns).astype(np.uint8, copy=False)
