"""Calibration of the comparison of motion: copies against other recordings of the same room, edit by edit.

    python -m ops.bench.motion VIDEOS PHOTOS --keep FOLDER

VIDEOS holds videos of fixed cameras and others, each cut into disjoint recordings of one "room"; each photograph in
PHOTOS is the background of six rendered recordings. Recordings, copies and their tracks are made once and kept in
FOLDER. Prints a table by edit, the distributions of the correlation z, what each z is worth, and the worst pairs; with
`--pictures` also the cosines of the picture model on the same pairs.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from time import process_time

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.motion.compare import MotionMatch, compare
from models.motion.evidence import moving_s
from models.motion.rows import unpack_track
from models.motion.track import STEP_S, Track
from models.registry import Registry
from models.visual.model import VisualModel
from ops.bench.motion_set import EDITS_TRIED, make_copies, make_recordings, room
from streams.decode.media.motion_track import MotionTrack
from streams.evaluation.clips import read_clip
from streams.evaluation.edits.catalogue import EDITS

_NEAR, _FAR = 2, 1
"""Other recordings of the room, and of other rooms, to which each copy is compared."""
_OF_TWO = frozenset(name for name, edit in EDITS.items() if edit.other)
_BINS = (-np.inf, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0, 10.0, 12.0, np.inf)
COPY, SAME, ELSE = "copy", "same room", "another room"


def motion(path: Path) -> Track:
    """Return the motion of a file, decoded as a reference is."""
    frames = MotionTrack(0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        timed = ((frame.time or 0.0, frame) for frame in container.decode(stream))
        last_s = max(time_s for time_s, _ in frames.seen(timed))
    rows = frames.take(0.0, last_s + STEP_S)
    assert rows is not None
    return unpack_track(rows)


@dataclass(frozen=True, slots=True)
class Pair:
    """A copy compared with a recording: its own source, another of the same room, or of another room."""

    kind: str
    edit: str
    name: str
    match: MotionMatch
    moving_s: float
    cosine: float


def compared(recordings: Sequence[Path], copies: Sequence[Path], pictures: VisualModel | None) -> Iterator[Pair]:
    """Yield each copy with its source, with some other recordings of its room, and with some of other rooms.

    The other video in a copy of two videos may be any of another room, which is then left out.
    """
    rng = np.random.default_rng(1)
    for copy in copies:
        source, edit = copy.stem.split("+")
        rest = [recordings[index] for index in rng.permutation(len(recordings)) if recordings[index].stem != source]
        near = [path for path in rest if room(path.stem) == room(source)][:_NEAR]
        far = [path for path in rest if room(path.stem) != room(source)][:_FAR]
        own = [path for path in recordings if path.stem == source]
        kinds = {COPY: own, SAME: near, ELSE: [] if edit in _OF_TWO else far}
        for kind, path in ((kind, path) for kind, paths in kinds.items() for path in paths):
            query, reference = kept_motion(copy), kept_motion(path)
            moving = min(moving_s(query), moving_s(reference))
            cosine = 0.0 if pictures is None else float((_vectors(pictures, copy) @ _vectors(pictures, path).T).max())
            yield Pair(kind, edit, copy.stem, compare(query, reference), moving, cosine)


@cache
def kept_motion(path: Path) -> Track:
    """Return the motion of a file, from the file beside its folder that keeps it."""
    kept = path.parents[1] / "tracks" / f"{path.parent.name}-{path.stem}.npy"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, motion(path))
    track: Track = np.load(kept)
    return track


@cache
def _vectors(model: VisualModel, path: Path) -> npt.NDArray[np.float32]:
    """Return the picture model's vectors of three pictures."""
    pictures = list(read_clip(path).pictures)
    jpegs = []
    for index in (len(pictures) // 4, len(pictures) // 2, 3 * len(pictures) // 4):
        Image.fromarray(np.ascontiguousarray(pictures[index])).save(jpeg := BytesIO(), "JPEG")
        jpegs.append(jpeg.getvalue())
    return model.embed(model.prepare(jpegs, views=False).pixels)


def print_by_edit(pairs: Sequence[Pair]) -> None:
    """Print for each edit which share of the copies is above the 99.9 % quantile of all other recordings."""
    chance = [pair for pair in pairs if pair.kind != COPY]
    limit_z = np.quantile([pair.match.z for pair in chance], 0.999)
    limit_cosine = np.quantile([pair.cosine for pair in chance], 0.999)
    _print(f"\n99.9 % quantile of {len(chance)} other pairs: z {limit_z:.2f}, cosine {limit_cosine:.3f}\n")
    _print("| edit | copies | z above | least z | median z | evidence, median nats | cosine above | median cosine |")
    _print("|---|---|---|---|---|---|---|---|")
    copies = [pair for pair in pairs if pair.kind == COPY]
    for name in (*dict.fromkeys(pair.edit for pair in copies), "all"):
        of_edit = [pair for pair in copies if name in {pair.edit, "all"}]
        z, cosine = np.array([pair.match.z for pair in of_edit]), np.array([pair.cosine for pair in of_edit])
        nats = np.median([pair.match.nats for pair in of_edit])
        _print(
            f"| {name} | {len(z)} | {np.mean(z > limit_z):.2f} | {z.min():.1f} | {np.median(z):.1f} | {nats:.1f} "
            f"| {np.mean(cosine > limit_cosine):.2f} | {np.median(cosine):.2f} |"
        )


def print_distributions(pairs: Sequence[Pair]) -> None:
    """Print quantiles of z and of the nats of each kind of pair."""
    _print("\n| pairs | number | z: 1 % | median | 99 % | most | nats < -1 | nats > 1 | nats > 4 | median cosine |")
    _print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in (COPY, SAME, ELSE):
        of_kind = [pair for pair in pairs if pair.kind == kind]
        z, nats = np.array([pair.match.z for pair in of_kind]), np.array([pair.match.nats for pair in of_kind])
        low, middle, high = np.quantile(z, [0.01, 0.5, 0.99])
        shares = f"{np.mean(nats < -1):.3f} | {np.mean(nats > 1):.3f} | {np.mean(nats > 4):.3f}"  # noqa: PLR2004
        cosine = np.median([pair.cosine for pair in of_kind])
        _print(
            f"| {kind} | {len(z)} | {low:.1f} | {middle:.1f} | {high:.1f} | {z.max():.1f} | {shares} | {cosine:.2f} |"
        )


def print_calibration(pairs: Sequence[Pair]) -> None:
    """Print the log-likelihood ratio of each range of z, of pairs in which enough moves."""
    moving = [pair for pair in pairs if pair.moving_s >= 1.5]  # noqa: PLR2004
    counts = {
        kind: np.histogram([pair.match.z for pair in moving if (pair.kind == COPY) is kind], _BINS)[0]
        for kind in (True, False)
    }
    _print("\n| z | copies | others | log-likelihood ratio |\n|---|---|---|---|")
    for low, high, copies, others in zip(_BINS, _BINS[1:], counts[True], counts[False], strict=False):
        shares = [(n + 0.5) / (each.sum() + 1.0) for n, each in ((copies, counts[True]), (others, counts[False]))]
        _print(f"| {low:g} to {high:g} | {copies} | {others} | {np.log(shares[0] / shares[1]):+.1f} |")


def print_failures(pairs: Sequence[Pair]) -> None:
    """Print the worst pairs."""
    _print("\nhighest of different recordings, then lowest copies")
    chance = sorted((pair for pair in pairs if pair.kind != COPY), key=lambda pair: -pair.match.z)
    copies = sorted((pair for pair in pairs if pair.kind == COPY), key=lambda pair: pair.match.z)
    for pair in (*chance[:8], *copies[:25]):
        match = pair.match
        passage = f"{match.query[0]:.1f}-{match.query[1]:.1f} s"
        where = f"{match.view}, speed {match.speed:.2f}, reversed {match.reversed}, {passage}"
        _print(
            f"{pair.kind:12} {pair.name:36} z {match.z:5.1f} nats {match.nats:5.1f} of {pair.moving_s:4.1f} s: {where}"
        )


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--pictures", action="store_true", help="cosines of the picture model too")
    parser.add_argument("--most", type=int, default=7, help="copies of each edit")
    arguments = parser.parse_args()
    make_recordings(arguments.videos, arguments.photos, arguments.keep / "refs")
    recordings = sorted((arguments.keep / "refs").glob("*.mp4"))
    make_copies(recordings, arguments.keep / "copies", [name for name in EDITS_TRIED if name in EDITS])
    copies = [
        copy
        for name in EDITS_TRIED
        for copy in sorted((arguments.keep / "copies").glob(f"*+{name}.mp4"))[:: max(1, 8 // arguments.most)]
    ]
    started_s = process_time()
    pictures = Registry().visual() if arguments.pictures else None
    pairs = list(compared(recordings, copies, pictures))
    _print(
        f"{len(recordings)} recordings, {len(copies)} copies, {len(pairs)} pairs, {process_time() - started_s:.0f} s"
    )
    print_by_edit(pairs)
    print_distributions(pairs)
    print_calibration(pairs)
    print_failures(pairs)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
