"""Edits of time: speed, excerpts, excerpts inside another video, loops, reordered shots, backwards, single pictures."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from streams.evaluation.clips import FPS, SAMPLES_PER_PICTURE, Clip, Pcm, Picture
from streams.evaluation.edits.edit import Change, resized
from streams.evaluation.edits.sounds import stretched

NO_SOUND: Pcm = np.zeros(0, np.int16)
INSIDE_S, EXCERPT_S = 6.0, 5.0
_LOOPS = 3
_MOST_HELD_S = 20.0
"""Seconds of pictures that an edit holds in memory; the rest of the clip is left out."""
_PIECE_S = 2.0


def at_speed(speed: float) -> Change:
    """Return the edit that plays pictures and sound at this speed with the pitch kept."""
    return lambda clip, _other, _rng: sped(clip, speed, stretched(clip.pcm, speed))


def at_some_speed(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Play at a random speed of 0.8 to 1.25 with the pitch kept."""
    speed = float(rng.uniform(0.8, 1.25))
    return sped(clip, speed, stretched(clip.pcm, speed))


def sped(clip: Clip, speed: float, pcm: Pcm) -> Clip:
    """Return the clip at this speed, with a sound already at it."""
    shown = None if clip.shown is None else (clip.shown[0] / speed, clip.shown[1] / speed)
    return Clip(_paced(clip.pictures, speed), pcm, shown)


def excerpt(seconds: float) -> Change:
    """Return the edit that keeps this many seconds at a random place."""
    n = int(seconds * FPS)

    def change(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
        start = int(rng.integers(0, max(1, n_pictures(clip) - n)))
        return Clip(islice(clip.pictures, start, start + n), _sound_of(clip.pcm, start, n))

    return change


def inside_another(seconds: float) -> Change:
    """Return the edit that replaces the middle of the other clip by this many seconds of the clip."""
    n = int(seconds * FPS)

    def change(clip: Clip, other: Clip, rng: np.random.Generator) -> Clip:
        n_clip, n_other = n_pictures(clip), n_pictures(other)
        start, at = int(rng.integers(0, max(1, n_clip - n))), max(0, (n_other - n) // 2)
        before = islice(other.pictures, at)
        inner = _like(islice(clip.pictures, start, start + n), before_first := next(before, None))
        pictures = chain([] if before_first is None else [before_first], before, inner, islice(other.pictures, n, None))
        sound = np.zeros(n * SAMPLES_PER_PICTURE, np.int16)  # silence where the clip has no sound
        found = _sound_of(clip.pcm, start, n)
        sound[: found.size] = found
        first, last = at * SAMPLES_PER_PICTURE, (at + n) * SAMPLES_PER_PICTURE
        pcm = np.concatenate([other.pcm[:first], sound, other.pcm[last:]])
        return Clip(pictures, pcm, (at / FPS, (at + n) / FPS))

    return change


def backwards(clip: Clip, _other: Clip, _rng: np.random.Generator) -> Clip:
    """Play the first 20 s backwards, pictures and sound."""
    n = min(n_pictures(clip), int(_MOST_HELD_S * FPS))
    return Clip(_held(clip.pictures, n, reversed), np.ascontiguousarray(_sound_of(clip.pcm, 0, n)[::-1]))


def shuffled(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Put pieces of 2 s of the first 20 s in a random order."""
    n = min(n_pictures(clip), int(_MOST_HELD_S * FPS))
    piece = int(_PIECE_S * FPS)
    starts = rng.permutation(np.arange(0, n, piece)).tolist()
    sound = [_sound_of(clip.pcm, start, min(piece, n - start)) for start in starts]

    def mixed(pictures: list[Picture]) -> Iterator[Picture]:
        return (picture for start in starts for picture in pictures[start : start + piece])

    return Clip(_held(clip.pictures, n, mixed), np.concatenate(sound) if sound else NO_SOUND)


def looped(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Show 4 s of it three times."""
    n = 4 * FPS
    start = int(rng.integers(0, max(1, n_pictures(clip) - n)))

    def repeated() -> Iterator[Picture]:
        kept = list(islice(clip.pictures, start, start + n))
        for _ in range(_LOOPS):
            yield from kept

    return Clip(repeated(), np.tile(_sound_of(clip.pcm, start, n), _LOOPS))


def reordered(clip: Clip, _other: Clip, _rng: np.random.Generator) -> Clip:
    """Put the first third last and swap the other two."""
    third = n_pictures(clip) // 3

    def pictures() -> Iterator[Picture]:
        first, second = list(islice(clip.pictures, third)), list(islice(clip.pictures, third))
        yield from chain(clip.pictures, second, first)

    n = third * SAMPLES_PER_PICTURE
    return Clip(pictures(), np.concatenate([clip.pcm[2 * n :], clip.pcm[n : 2 * n], clip.pcm[:n]]))


def sound_only(clip: Clip, other: Clip, _rng: np.random.Generator) -> Clip:
    """Combine the sound with the other clip's pictures."""
    return replace(clip, pictures=islice(other.pictures, n_pictures(clip)))


def silent(clip: Clip, _other: Clip, _rng: np.random.Generator) -> Clip:
    """Remove the sound."""
    return replace(clip, pcm=NO_SOUND)


def sound_file(clip: Clip, _other: Clip, _rng: np.random.Generator) -> Clip:
    """Keep the sound alone."""
    return replace(clip, pictures=iter(()))


def still(change: Callable[[np.random.Generator], Callable[[Picture], Picture]]) -> Change:
    """Return the edit that keeps one picture of the middle 80 %, changed, without sound."""

    def keep(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
        at = int(rng.uniform(0.1, 0.9) * n_pictures(clip))
        return Clip(map(change(rng), islice(clip.pictures, at, at + 1)), NO_SOUND)

    return keep


def n_pictures(clip: Clip) -> int:
    """Return the number of pictures for the duration of the clip's sound."""
    return clip.pcm.size // SAMPLES_PER_PICTURE


def _held(
    pictures: Iterator[Picture], n: int, order: Callable[[list[Picture]], Iterator[Picture]]
) -> Iterator[Picture]:
    yield from order(list(islice(pictures, n)))


def _paced(pictures: Iterator[Picture], speed: float) -> Iterator[Picture]:
    due = 0.0
    for index, picture in enumerate(pictures):
        while due <= index:
            yield picture
            due += speed


def _like(pictures: Iterator[Picture], model: Picture | None) -> Iterator[Picture]:
    """Yield the pictures at the size of another, because a video has one size."""
    for picture in pictures:
        fits = model is None or picture.shape == model.shape
        yield picture if fits or model is None else resized(picture, model.shape[1], model.shape[0])


def _sound_of(pcm: Pcm, start: int, n: int) -> Pcm:
    """Return the sound of n pictures from one on."""
    return pcm[start * SAMPLES_PER_PICTURE : (start + n) * SAMPLES_PER_PICTURE]
