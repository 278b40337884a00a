"""Recordings of fixed cameras, many of each room, and copies of them by the edits of `jikimi evaluate make-set`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np

from ops.bench.motion_rooms import recording
from streams.evaluation.clips import Clip, Encoding, read_clip, write_clip
from streams.evaluation.edits.catalogue import EDITS, make_edited
from streams.evaluation.edits.times import NO_SOUND

_SECONDS = 13.0
_RECORDINGS = 6
"""Of one room."""
_MOST_COPIES = 7
"""Of one edit."""
EDITS_TRIED = (
    "reencoded", "small", "recoloured", "dark", "night_vision", "noisy", "captioned", "covered", "covered_40",
    "mirrored", "cropped", "cropped_half", "upright_cropped", "upright_off_centre", "slow_zoom", "rotated",
    "rotated_90", "letterboxed", "bordered", "filmed", "sped_up", "slowed_down", "tempo", "reversed", "shuffled",
    "excerpt", "excerpt_3", "inside_another_5", "inside_another_3", "stacked", "side_by_side", "reaction", "inset",
)  # fmt: skip


def room(name: str) -> str:
    """Return the room of a recording or of a copy of it."""
    return name.split("+", maxsplit=1)[0].rsplit("-", 1)[0]


def make_recordings(videos: Path, photos: Path, out: Path) -> None:
    """Write the recordings that do not exist yet."""
    out.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(sorted(photos.iterdir())):
        for take in range(_RECORDINGS):
            path = out / f"room{number}-{take}.mp4"
            if not path.exists():
                write_clip(Clip(recording(photo, _SECONDS + 1 + take % 3, number, take), NO_SOUND), path, Encoding(23))
    for video in sorted(videos.iterdir()):
        with av.open(str(video)) as container:
            duration_s = (container.duration or 0) / av.time_base
        for take in range(min(_RECORDINGS, max(1, int(duration_s / (_SECONDS + 0.2))))):
            path, start_s = out / f"{video.stem.split('_')[0]}-{take}.mp4", take * (_SECONDS + 0.2)
            if not path.exists():
                cut = read_clip(video, start_s, start_s + _SECONDS)
                write_clip(replace(cut, pcm=NO_SOUND), path, Encoding(23))


def make_copies(recordings: Sequence[Path], out: Path, names: Sequence[str]) -> None:
    """Write the copies by edits of which there are none yet."""
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_make_copy, _planned(recordings, out, names)))


@dataclass(frozen=True, slots=True)
class _Copy:
    edit: str
    source: Path
    other: Path
    target: Path
    seed: int


def _planned(recordings: Sequence[Path], out: Path, names: Sequence[str]) -> Iterator[_Copy]:
    rng = np.random.default_rng(0)
    for name in names:
        chosen, others = rng.permutation(len(recordings))[:_MOST_COPIES], rng.permutation(len(recordings))
        if any(out.glob(f"*+{name}.mp4")):
            continue
        for number in chosen:
            source = recordings[number]
            other = next(recordings[each] for each in others if room(recordings[each].stem) != room(source.stem))
            yield _Copy(name, source, other, out / f"{source.stem}+{name}.mp4", int(rng.integers(2**31)))


def _make_copy(copy: _Copy) -> None:
    edit = EDITS[copy.edit]
    encoding = replace(edit.encoding, crf=max(28, edit.encoding.crf), preset="ultrafast")
    make_edited([(edit, copy.other if edit.other else None)], copy.source, copy.target, encoding, copy.seed)
