"""Make the demo's clips: ``python -m streams.demo.make_media bbb.mp4``.

Most are cut from the film Big Buck Bunny, which at 1280 x 720 is, for example, in the source distribution of the PyPI
package moviepy 2.2.1, inside moviepy_10_minutes.zip. Two recordings of one room by a fixed camera are rendered, which
takes longer than a demo should. The clips are committed; this script documents their sources and recreates them.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from streams.evaluation.clips import Clip, Encoding, Picture, read_clip, write_clip
from streams.evaluation.rooms.recording import record, room

MEDIA = Path(__file__).parent / "media"
CLIP_S = 14.0
SIZE = (426, 240)
ENCODING = Encoding(crf=28, preset="veryslow", audio_bps=48_000)

STARTS_S = {
    "carving": 250.0,
    "flowers": 60.0,
    "flight": 426.0,
    "morning": 7.0,
    "burrow": 30.0,
    "rodents": 114.0,
    "meadow": 168.0,
    "butterfly": 208.0,
    "trunk": 228.0,
    "hunter": 276.0,
    "path": 318.0,
    "trap": 343.0,
    "branch": 394.0,
    "dusk": 466.0,
}
"""Start of each clip in the film: scenes with different pictures and different passages of the score."""
ROOM_SEED = 5
RECORDINGS = {"room": 0, "room-again": 1}
"""Number of each rendered recording of the room: another person each time."""


def make_clip(film: Path, name: str) -> Path:
    """Cut one clip and return its file."""
    start_s = STARTS_S[name]
    return _written(name, read_clip(film, start_s, start_s + CLIP_S))


def render(name: str) -> Path:
    """Render one recording of the room and return its file."""
    return _written(name, record(room(ROOM_SEED), ROOM_SEED, RECORDINGS[name], CLIP_S))


def _written(name: str, clip: Clip) -> Path:
    path = MEDIA / f"{name}.mp4"
    write_clip(Clip(_reduced(clip.pictures), clip.pcm), path, ENCODING)
    return path


def _reduced(pictures: Iterator[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        yield np.asarray(Image.fromarray(picture).resize(SIZE, Image.Resampling.LANCZOS))


def main() -> None:
    """Make every clip, those of the film from the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    film = parser.parse_args().film
    for path in (*map(partial(make_clip, film), STARTS_S), *map(render, RECORDINGS)):
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
