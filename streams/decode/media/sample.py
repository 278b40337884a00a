"""Sampling of a segment's frames: one each step, one after each shot change, none where nothing moves.

Runs in the sandbox. Most frames are skipped; candidates are compared as previews, 32 x 18 gray pictures made by
swscale, and only kept frames are scaled in colour and encoded.
"""

from collections.abc import Iterable

import av
import numpy as np
import numpy.typing as npt
from av.video.format import names
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from schemas.messages import Frame, Thumbnail
from streams.decode.media.decoded import Sampling
from streams.decode.media.picture import blurred, jpeg, on_white, small_size, thumbnail, turned

Preview = npt.NDArray[np.int16]
"""A frame as 32 x 18 gray cells, shape (18, 32), 0-255."""

_PREVIEW_SIZE = (32, 18)
_PREVIEWS_PER_SECOND = 5
_CUT = 24.0
"""Mean change of a cell between previews above which a new shot begins."""
_STILL = 10
"""Largest imperceptible change of a cell; noise is averaged out over a cell."""
_TRANSPARENT = frozenset(name for name in names if any(c.is_alpha for c in av.VideoFormat(name).components))
"""Pixel formats with a channel for transparency."""
_SHORTEST_STEP_S = 0.5
_WIDEST_PIXEL = 4.0
"""Old broadcast formats stay below 2; more is a broken header."""


def step(sampling: Sampling, duration_s: float) -> float:
    """Return the seconds between two samples of a medium: fewer in a short one, more where the cap requires it."""
    cap_s = sampling.segment_s / sampling.max_frames
    return max(min(1 / sampling.frames_per_second, _short_step(sampling, duration_s)), cap_s)


def longest_gap(sampling: Sampling, duration_s: float) -> float:
    """Return the gap between a medium's key frames, in seconds, above which other frames are decoded too."""
    return min(sampling.longest_gap_s, _short_step(sampling, duration_s))


def _short_step(sampling: Sampling, duration_s: float) -> float:
    return max(_SHORTEST_STEP_S, duration_s / max(1, sampling.few_frames))


class FrameSampler:
    """Samples the frames of one video, segment by segment.

    Parameters
    ----------
    sampling
        Sizes and caps.
    step_s
        Time between samples, as `step` returns it.
    rotation
        Degrees counter-clockwise that turn its frames upright.
    pixel_aspect
        Width of a pixel divided by its height.
    """

    def __init__(self, sampling: Sampling, step_s: float, rotation: int = 0, pixel_aspect: float = 1.0) -> None:
        self._sampling = sampling
        self._rotation = rotation
        self._pixel_aspect = min(_WIDEST_PIXEL, max(1 / _WIDEST_PIXEL, pixel_aspect))
        # Single-threaded: the sandbox forbids starting threads.
        self._small = VideoReformatter()  # one for each size: swscale keeps its tables between frames of one size
        self._tiny = VideoReformatter()
        self._step_s = step_s
        self._max_cuts = sampling.max_frames - int(sampling.segment_s / self._step_s)

    def sample(self, start_s: float, timed: Iterable[tuple[float, VideoFrame]]) -> tuple[list[Frame], list[Thumbnail]]:
        """Return the kept frames and thumbnails of one segment, in time order; at least one if there is any frame.

        Frames whose damage the decoder has concealed are kept only if there is no other.

        Parameters
        ----------
        start_s
            Start of the segment, seconds.
        timed
            Time on the media clock, seconds, and frame.
        """
        dense = self._sampling.dense
        whole, damaged = (_Kept(_Selection(start_s, self._step_s, self._max_cuts, is_dense=dense)) for _ in range(2))
        for time_s, frame in timed:
            kept = damaged if frame.is_corrupt else whole
            if kept.selection.is_due(time_s) and kept.selection.takes(time_s, self._preview(frame)):
                picture = self._picture(frame)
                kept.frames.append(Frame(time_s=time_s, jpeg=jpeg(picture)))
                kept.tiny.append((time_s, blurred(picture)))
        kept = whole if whole.frames else damaged
        return kept.frames[: self._sampling.max_frames], thumbnails(kept.tiny, self._sampling.max_thumbnails)

    def _preview(self, frame: VideoFrame) -> Preview:
        if frame.format.name in _TRANSPARENT:
            return np.asarray(self._picture(frame).convert("L").resize(_PREVIEW_SIZE, Image.Resampling.BOX), np.int16)
        width, height = _PREVIEW_SIZE
        gray = self._tiny.reformat(frame, width, height, "gray8", interpolation=Interpolation.AREA, threads=1)
        return gray.to_ndarray().astype(np.int16)

    def _picture(self, frame: VideoFrame) -> Image.Image:
        shown_width = max(1, round(frame.width * self._pixel_aspect))
        width, height = small_size(shown_width, frame.height, self._sampling.short_side)
        is_transparent = frame.format.name in _TRANSPARENT
        pixel_format = "rgba" if is_transparent else "rgb24"
        small = self._small.reformat(frame, width, height, pixel_format, interpolation=Interpolation.AREA, threads=1)
        picture = turned(small.to_ndarray().astype(np.uint8, copy=False), self._rotation)
        return on_white(picture) if is_transparent else picture


class _Selection:
    """State of the selection of frames within one segment."""

    def __init__(self, start_s: float, step_s: float, max_cuts: int, *, is_dense: bool) -> None:
        self._start_s, self._step_s, self._cuts_left = start_s, step_s, max_cuts
        self._is_dense = is_dense
        self._next_preview_s = -np.inf
        self._next_tick_s = -np.inf
        self._last: Preview | None = None
        self._kept: Preview | None = None

    def is_due(self, time_s: float) -> bool:
        """Return whether a frame needs a preview."""
        return time_s >= min(self._next_preview_s, self._next_tick_s)

    def takes(self, time_s: float, preview: Preview) -> bool:
        """Return whether a frame is kept."""
        last, self._last = self._last, preview
        self._next_preview_s = time_s + 1 / _PREVIEWS_PER_SECOND
        on_tick = time_s >= self._next_tick_s
        if on_tick:
            n_steps = (time_s - self._start_s) // self._step_s
            self._next_tick_s = self._start_s + (n_steps + 1) * self._step_s
        is_cut = last is not None and bool(np.abs(preview - last).mean() > _CUT) and self._cuts_left > 0
        is_new = self._is_dense or self._kept is None or bool(np.abs(preview - self._kept).max() > _STILL)
        if not (is_cut or (on_tick and is_new)):
            return False
        self._cuts_left -= not on_tick
        self._kept = preview
        return True


class _Kept:
    """Frames kept of one segment."""

    def __init__(self, selection: _Selection) -> None:
        self.selection = selection
        self.frames: list[Frame] = []
        self.tiny: list[tuple[float, Image.Image]] = []


def thumbnails(tiny: list[tuple[float, Image.Image]], n_most: int) -> list[Thumbnail]:
    """Return at most n_most of the blurred pictures, spread evenly."""
    chosen = np.linspace(0, len(tiny) - 1, min(n_most, len(tiny))).round().astype(int)
    return [Thumbnail(time_s=tiny[i][0], jpeg=thumbnail(tiny[i][1])) for i in chosen]
