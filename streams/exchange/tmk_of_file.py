"""TMK+PDQF of video files, at the frame rate that lists have it at."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from models.pdq.hash import picture_features
from models.tmk.descriptor import DIMENSION, FRAMES_PER_SECOND, Floats, Tmk, TmkMaker
from models.tmk.file import FILE_BYTES, read_tmk, tmk_bytes
from models.tmk.score import TmkScores, scores
from schemas.messages import Frame
from streams.decode.decoder import Decoder, post_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media.decoded import Sampling
from streams.decode.settings import MediaSettings
from streams.describe.reference_ids import reference_id
from streams.errors import RecordError, UsageError

MOST_FILES = 10_000
"""Descriptors that one file is compared with: 2.6 GB, read one after the other."""
_SEGMENT_S = 4
_SHORT_SIDE = 128
_MOST_REPEATED = 256
_ROUNDING = 0.01
"""Of a frame's duration."""


def tmk_sampling(settings: MediaSettings) -> Sampling:
    """Return the sampling of 15 frames a second, whether or not anything moves."""
    return msgspec.structs.replace(
        post_sampling(settings),
        frames_per_second=float(FRAMES_PER_SECOND),
        segment_s=float(_SEGMENT_S),
        few_frames=0,
        max_frames=_SEGMENT_S * FRAMES_PER_SECOND,
        longest_gap_s=0.0,
        short_side=_SHORT_SIDE,
        dense=True,
    )


def tmk_of_file(settings: MediaSettings, file: Path) -> Tmk | None:
    """Return the descriptor of a video, None of what has no moving picture.

    Raises
    ------
    UsageError
        The file cannot be read or decoded.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file")
    try:
        return asyncio.run(_made(settings, file))
    except RecordError as error:
        raise UsageError(f"{file}: {error.detail}") from error


def read_tmk_file(file: Path) -> Tmk:
    """Return the descriptor in a file; raises a `UsageError` if it is none."""
    try:
        with file.open("rb") as stream:
            return read_tmk(stream.read(FILE_BYTES + 1))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


def tmk_files_of_case(settings: MediaSettings, case_id: str, files: Iterable[Path]) -> dict[str, bytes]:
    """Return the `.tmk` files of a case's videos by their names, which have the ids of the exported entries."""
    made = {reference_id(case_id, file): tmk_of_file(settings, file) for file in files}
    return {f"{name}.tmk": tmk_bytes(tmk) for name, tmk in made.items() if tmk is not None}


def tmk_paths(given: Iterable[Path]) -> list[Path]:
    """Return descriptors, those of folders in the order of their names; raises a `UsageError` if they are too many."""
    found = [path for each in given for path in (sorted(each.glob("*.tmk")) if each.is_dir() else [each])]
    if len(found) > MOST_FILES:
        raise UsageError(f"{len(found)} descriptors, and at most {MOST_FILES} are compared at once: give fewer")
    return found


def compare(settings: MediaSettings, video: str, theirs: Iterable[tuple[str, Tmk]]) -> Iterator[tuple[str, TmkScores]]:
    """Yield the names of descriptors that are near to a video, one in memory at a time.

    Parameters
    ----------
    video
        A file, or an http link to one, which is fetched as those of posts are and not kept.
    theirs
        Names and descriptors.

    Raises
    ------
    UsageError
        It is no video, cannot be fetched, or a descriptor is broken.
    """
    ours = (
        _of_link(settings, video) if video.startswith(("http://", "https://")) else tmk_of_file(settings, Path(video))
    )
    if ours is None:
        raise UsageError(f"{video} has no moving picture")
    for name, tmk in theirs:
        if (found := scores(ours, tmk)).near:
            yield name, found


def _of_link(settings: MediaSettings, link: str) -> Tmk | None:
    async def made() -> Tmk | None:
        async with Fetcher(settings) as fetcher, fetcher.fetch(link) as path:
            return await _made(settings, path)

    try:
        return asyncio.run(made())
    except RecordError as error:
        raise UsageError(f"{link}: {error.detail}") from error


async def _made(settings: MediaSettings, file: Path) -> Tmk | None:
    timeline = _Timeline()
    async with Decoder(settings) as decoder:
        info = await decoder.scan(file)
        if info.kind == "image" or not info.has_picture:
            return None
        async with aclosing(decoder.segments(file, info, sampling=tmk_sampling(settings))) as segments:
            async for segment in segments:
                timeline.add(segment.frames)
    return timeline.maker.made()


class _Timeline:
    """Frames at 15 a second: one lasts until the next, as with ffmpeg's -r, and none goes back in time."""

    def __init__(self) -> None:
        self.maker = TmkMaker()
        self._start_s: float | None = None
        self._last: Floats = np.zeros((0, DIMENSION), np.float32)

    def add(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self._start_s = frame.time_s if self._start_s is None else self._start_s
            number = int((frame.time_s - self._start_s) * FRAMES_PER_SECOND + _ROUNDING)
            if number < self.maker.n_frames:
                continue  # of another track, or of the same fifteenth of a second
            self._repeat(number - self.maker.n_frames)
            self._last = picture_features(Image.open(BytesIO(frame.jpeg), formats=("JPEG",)))[None]
            self.maker.add(self._last)

    def _repeat(self, n_frames: int) -> None:
        for start in range(0, n_frames, _MOST_REPEATED):
            self.maker.add(np.repeat(self._last, min(n_frames - start, _MOST_REPEATED), axis=0))
