"""Recordings of one room: other people, other light and other sounds each time, the camera in the same place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streams.evaluation.clips import FPS, Clip, Encoding, Picture, write_clip
from streams.evaluation.rooms import person
from streams.evaluation.rooms.background import HEIGHT, WIDTH, Light, background
from streams.evaluation.rooms.sound import Acoustics, acoustics, room_sound

_ENCODING = Encoding(crf=23, preset="ultrafast")
_GRAIN = 1_000_003
"""Values of sensor noise drawn once; each picture uses another part of them."""
_LAMP = 0.15
"""Share of the recordings in which someone switches a lamp."""
_RESIDENT = 0.35
"""Share of the recordings with the person who is in others too."""
_NEAR = 1.02
"""Row of the near end of the floor, as a share of the height."""
_SOUND = 1
"""Seed of sounds beside that of the room: a change of these leaves the pictures as they are."""

type _Actor = tuple[person.Looks, person.Path]


@dataclass(frozen=True, slots=True)
class Room:
    """What all recordings of one room share."""

    still: Light
    far: float
    """Row of the far end of the floor, as a share of the height."""
    acoustics: Acoustics
    resident: person.Looks
    """Person seen in some of its recordings."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Recording to be rendered, in another process."""

    seed: int
    """Of the room."""
    number: int
    """Of the recording in it."""
    seconds: float
    target: Path
    photographs: tuple[Path, ...] = ()
    speech: tuple[Path, ...] = ()


def make_recording(planned: Recording) -> Path:
    """Write one recording and return its path."""
    at = room(planned.seed, planned.photographs)
    clip = record(at, planned.seed, planned.number, planned.seconds, planned.speech)
    write_clip(clip, planned.target, _ENCODING)
    return planned.target


def room(seed: int, photographs: Sequence[Path] = ()) -> Room:
    """Return the room of a seed."""
    rng = np.random.default_rng([seed, 0])
    still = background(photographs, rng)
    far, looks = float(rng.uniform(0.6, 0.72)), person.looks(rng)
    return Room(still, far, acoustics(np.random.default_rng([seed, 0, _SOUND])), looks)


def record(at: Room, seed: int, number: int, seconds: float, speech: Sequence[Path] = ()) -> Clip:
    """Return one recording of a room; those of other numbers show other people, or the same at another time.

    Parameters
    ----------
    seed, number
        The room's seed and the number of the recording in it; the same ones give the same clip.
    speech
        Files of speech, of which some are audible, each once; none without files. Recordings that share a file share
        a piece of sound, which makes one a copy of the other.
    """
    rng, n = np.random.default_rng([seed, 1 + number]), int(seconds * FPS)
    people = [(person.looks(rng), person.path(n, rng)) for _ in range(int(rng.choice([1, 2], p=[0.65, 0.35])))]
    if rng.uniform() < _RESIDENT:
        people[0] = (at.resident, people[0][1])
    steps = np.logical_or.reduce([way.steps for _, way in people])
    sound = room_sound(at.acoustics, steps, speech, np.random.default_rng([seed, 1 + number, _SOUND]))
    return Clip(_pictures(at, people, n, rng), sound)


def _pictures(at: Room, people: Sequence[_Actor], n: int, rng: np.random.Generator) -> Iterator[Picture]:
    times_s = np.arange(n) / FPS
    exposure = rng.uniform(0.75, 1.2) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.01, 0.06) * times_s))
    if rng.uniform() < _LAMP:
        exposure[int(rng.integers(n)) :] *= rng.uniform(0.6, 1.5)
    grain = rng.normal(0, rng.uniform(2.5, 7), _GRAIN).astype(np.float32)
    light = np.asarray(at.still.max(axis=2, keepdims=True) / 255 * 0.7 + 0.15, np.float32)
    for index in range(n):
        scene = at.still.copy()
        for actor in sorted(people, key=lambda each: float(each[1].depth[index])):
            _place(scene, light, at.far, actor, index)
        start = int(rng.integers(_GRAIN - scene.size // 3))
        noise = grain[start : start + scene.size // 3].reshape(HEIGHT, WIDTH, 1)
        yield np.asarray(np.clip(scene * exposure[index] + noise, 0, 255), np.uint8)


def _place(scene: Light, light: Light, far: float, actor: _Actor, index: int) -> None:
    """Draw a person into the scene in the light of the place."""
    looks, way = actor
    depth = float(way.depth[index])
    figure = person.sprite(looks, person.pixels_tall(depth, HEIGHT), float(way.stride[index]), way.gesture[index])
    size = figure.shape[0]
    top = int(HEIGHT * (far + (_NEAR - far) * depth)) - size
    left = int(WIDTH * way.across[index]) - size // 2
    rows = slice(max(0, top), min(HEIGHT, top + size))
    columns = slice(max(0, left), min(WIDTH, left + size))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    part = figure[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    opacity = part[..., 3:]
    lit = part[..., :3] * light[rows, columns]
    scene[rows, columns] = scene[rows, columns] * (1 - opacity) + lit * opacity
