"""Cutting of videos into the clips of a set: references from one part of each video, other clips from the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from streams.errors import UsageError
from streams.evaluation.clips import Clip, Encoding, read_clip, write_clip

_SHORTEST_S = 4.0
_ONE_SCENE = 8
"""Length in clips below which a video is not divided."""
_GAP = 0.75
"""Share of a clip's length left out between two references, because a shot across a cut would be in both."""
_LARGE_EVERY = 6
_LONG_S = 60.0
_CUT = Encoding(crf=22, preset="ultrafast", audio_bps=96_000)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Interval of a media file, seconds."""

    path: Path
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Clip to be made."""

    stretch: Stretch
    target: Path
    height: int
    """In pixels; the width keeps the aspect ratio."""
    music: Stretch | None = None
    """Sound for a silent video."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Distribution of the lengths of clips."""

    seconds: float
    spread: float = 0.15
    """Share of `seconds` by which a length differs at most."""
    long_share: float = 0.0
    """Share of the clips that last 60 s."""

    def draw(self, rng: np.random.Generator) -> float:
        """Return a length, seconds."""
        if self.long_share and rng.uniform() < self.long_share:
            return _LONG_S
        return float(self.seconds * rng.uniform(1 - self.spread, 1 + self.spread))


def stretches(
    videos: Path, lengths: Lengths, hold_out: float, rng: np.random.Generator
) -> tuple[list[Stretch], list[Stretch]]:
    """Return the stretches for references, and the held-out ones, which share nothing with a reference.

    The last ``hold_out`` of a long video is held out as a whole, because neighbouring stretches share shots. Of short
    videos that share is held out, because each may be one scene, as from a camera that never moves.

    Raises
    ------
    UsageError
        The folder holds no video.
    """
    wanted: list[Stretch] = []
    held: list[Stretch] = []
    for path in sorted(path for path in videos.iterdir() if path.is_file()):
        duration_s = _duration_s(path, "video")
        if duration_s < _SHORTEST_S:
            continue
        middle_s = duration_s * (1 - hold_out)
        if duration_s < _ONE_SCENE * lengths.seconds:
            middle_s = 0.0 if rng.uniform() < hold_out else duration_s
        wanted += _sliced(path, (0.0, middle_s), lengths, _GAP * lengths.seconds, rng)
        held += _sliced(path, (middle_s, duration_s), lengths, 0.0, rng)
    if not wanted or not held:
        raise UsageError(f"{videos}: no videos, or none of {_SHORTEST_S:g} s or more on either side of --hold-out")
    return wanted, held


def sounds(folder: Path | None, seconds: float) -> list[Stretch]:
    """Return a stretch of each sound file in a folder and its subfolders, none without a folder."""
    if folder is None:
        return []
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".ogg", ".mp3", ".wav", ".flac", ".m4a"}):
        duration_s = _duration_s(path, "audio")
        start_s = duration_s / 3 if duration_s > 3 * seconds else 0.0
        found.append(Stretch(path, start_s, min(start_s + 2 * seconds, duration_s)))
    return found


def plan_cuts(chosen: Sequence[Stretch], folder: Path, name: str, music: Iterator[Stretch], height: int) -> list[Cut]:
    """Return the clips to be made of these stretches: `height` pixels high, every sixth 720.

    Silent ones take the next piece of music; once there is none left they stay silent, because two clips with one piece
    would be a copy of each other by sound.
    """
    return [
        Cut(
            stretch,
            folder / f"{name}-{number:03}.mp4",
            720 if number % _LARGE_EVERY == _LARGE_EVERY - 1 else height,
            None if _duration_s(stretch.path, "audio") else next(music, None),
        )
        for number, stretch in enumerate(chosen)
    ]


def make_cut(cut: Cut) -> Path:
    """Write one clip, with music if the video is silent, and return its path."""
    stretch = cut.stretch
    clip = read_clip(stretch.path, stretch.start_s, stretch.end_s, cut.height)
    if cut.music is not None:
        length_s = stretch.end_s - stretch.start_s
        clip = replace(clip, pcm=read_clip(cut.music.path, cut.music.start_s, cut.music.start_s + length_s).pcm)
    write_clip(clip, cut.target, _CUT)
    return cut.target


def make_sound(stretches: Sequence[Stretch], target: Path) -> Path:
    """Write a sound file of these stretches one after another, and return its path."""
    pcm = np.concatenate([read_clip(each.path, each.start_s, each.end_s).pcm for each in stretches])
    write_clip(Clip(iter(()), pcm), target, Encoding())
    return target


def _duration_s(path: Path, kind: str) -> float:
    """Return the duration of a file, seconds; 0 without a stream of this kind."""
    try:
        with av.open(path) as container:
            if not any(stream.type == kind for stream in container.streams):
                return 0.0
            return (container.duration or 0) / av.time_base
    except av.error.FFmpegError:
        return 0.0


def _sliced(
    path: Path, span: tuple[float, float], lengths: Lengths, gap_s: float, rng: np.random.Generator
) -> list[Stretch]:
    found, (at, end_s) = [], span
    while end_s - at >= _SHORTEST_S:
        length_s = lengths.draw(rng)
        found.append(Stretch(path, at, min(at + length_s, end_s)))
        at += length_s + gap_s
    return [stretch for stretch in found if stretch.end_s - stretch.start_s >= _SHORTEST_S]
