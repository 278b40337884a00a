"""Augmentation of sounds as in reposts, on band powers: overlays, noise, pitch, tempo, rooms, filters, codecs.

On powers instead of samples, so that a batch is a few matrix operations in the same compiled step as the network.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from models.audio.spectrum import FRAME, N_BANDS, RATE_HZ

_PER_SECOND = RATE_HZ / FRAME
_OCTAVES = np.arange(N_BANDS) / 24
_TELEPHONE = (np.log2(300 / 180) > _OCTAVES) | (np.log2(3400 / 180) < _OCTAVES)
_LEAST = 1e-8
_SEMITONES = 2
_ECHOES, _DECAYS = 8, 13.8


def power(decibels: jax.Array) -> jax.Array:
    """Return the powers, float32, of frames as `data.quantised` stores them, in the same shape."""
    return 10 ** ((decibels.astype(jnp.float32) * 0.4 - 80) / 10)


def stretched(sounds: jax.Array, middle: jax.Array, speed: jax.Array, n_frames: int) -> jax.Array:
    """Return powers (n, n_frames, 106) around frames of the long array, played at a speed; the pitch stays."""
    position = middle[:, None] + speed[:, None] * (jnp.arange(n_frames)[None] - n_frames / 2)
    index = jnp.clip(jnp.floor(position).astype(jnp.int32), 0, sounds.shape[0] - 2)
    part = (position - index)[..., None]
    return power(sounds[index]) * (1 - part) + power(sounds[index + 1]) * part


class _Chance:
    """A stream of random numbers, one for each sound."""

    def __init__(self, key: jax.Array, n: int) -> None:
        self._keys: Iterator[jax.Array] = iter(jax.random.split(key, 64))
        self.n = n

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> jax.Array:
        return jax.random.uniform(next(self._keys), (self.n, *(shape or (1, 1))), minval=low, maxval=high)

    def maybe(self, share: float) -> jax.Array:
        return self.uniform() < share

    def normal(self, *shape: int) -> jax.Array:
        return jax.random.normal(next(self._keys), (self.n, *shape))

    def integers(self, low: int, high: int) -> jax.Array:
        return jax.random.randint(next(self._keys), (self.n,), low, high)


def reposted(key: jax.Array, sound: jax.Array, over: jax.Array) -> jax.Array:
    """Return sounds as they may be in a post, with `over` mixed into three of four; (n, frames, 106) each."""
    chance = _Chance(key, len(sound))
    mixed = _with_noise(chance, _overlaid(chance, _reverberating(chance, _transposed(chance, sound)), over))
    decibels = _coded(chance, _filtered(chance, 10 * jnp.log10(_off_loudspeaker(chance, mixed) + _LEAST)))
    return 10 ** ((decibels + chance.uniform(-10, 10)) / 10)


def registered(key: jax.Array, sound: jax.Array) -> jax.Array:
    """Return powers (n, frames, 106) of sounds as in a victim's own file: some of them through a codec."""
    decibels = 10 * jnp.log10(sound + _LEAST)
    floor = decibels.max((1, 2), keepdims=True) - 60
    coded = jax.random.uniform(key, (len(sound), 1, 1)) < 0.3  # noqa: PLR2004 - a share
    return 10 ** (jnp.where(coded, jnp.maximum(decibels, floor), decibels) / 10)


def _transposed(chance: _Chance, sound: jax.Array) -> jax.Array:
    """Shift the pitch of half of them by up to two semitones."""
    most = 2 * _SEMITONES  # bands
    shift = jnp.where(chance.uniform(0, 1, 1)[:, 0] < 0.5, chance.integers(-most, most + 1), 0)  # noqa: PLR2004 - a share
    index = jnp.arange(N_BANDS)[None] - shift[:, None]
    inside = (index >= 0) & (index < N_BANDS)
    source = jnp.clip(index, 0, N_BANDS - 1)[:, None].repeat(sound.shape[1], 1)
    return jnp.where(inside[:, None], jnp.take_along_axis(sound, source, 2), _LEAST)


def _reverberating(chance: _Chance, sound: jax.Array) -> jax.Array:
    """Add reverberation to a quarter of them: decay by 1/e in 50 to 400 ms."""
    n_frames = sound.shape[1]
    lag = np.arange(n_frames)[:, None] - np.arange(n_frames)[None]
    decay = jnp.exp(-1 / (_PER_SECOND * chance.uniform(0.05, 0.4)))
    room = jnp.where(lag > 0, 0.7 * decay ** jnp.maximum(lag, 0), 0.0) + jnp.eye(n_frames)
    return jnp.where(chance.maybe(0.25), room @ sound, sound)


def _off_loudspeaker(chance: _Chance, sound: jax.Array) -> jax.Array:
    """Record a quarter of them off a loudspeaker: a band from 300 Hz on, early echoes, a tail, noise.

    Echoes within a spectrum's window interfere with the direct sound: a comb over the frequencies.
    """
    hertz = 180 * 2.0**_OCTAVES
    delay_s = chance.uniform(0.002, 0.04, _ECHOES, 1)
    gain = chance.uniform(-0.5, 0.5, _ECHOES, 1)
    angle = 2 * np.pi * hertz * delay_s
    comb = (1 + (gain * jnp.cos(angle)).sum(1)) ** 2 + (gain * jnp.sin(angle)).sum(1) ** 2
    band_db = -12 * np.maximum(0.0, np.log2(300 / hertz))
    direct = sound * (comb * 10 ** (band_db / 10))[:, None]
    n_frames = sound.shape[1]
    lag = np.arange(n_frames)[:, None] - np.arange(n_frames)[None]
    decay = jnp.exp(-_DECAYS / (_PER_SECOND * chance.uniform(0.3, 0.8)))  # RT60: 60 dB are 13.8 e-foldings
    tail = jnp.where(lag > 0, chance.uniform(0.25, 1.0) * (1 / decay - 1) * decay ** jnp.maximum(lag, 0), 0.0)
    recorded = direct + tail @ direct
    noise = -jnp.log(chance.uniform(1e-6, 1.0, *sound.shape[1:]))
    recorded = recorded + noise * _energy(recorded) / _energy(noise) * 10 ** (-chance.uniform(10, 20) / 10)
    return jnp.where(chance.maybe(0.25), recorded, sound)


def _overlaid(chance: _Chance, sound: jax.Array, over: jax.Array) -> jax.Array:
    """Add another sound at 8 dB above to 10 dB below; phases of the two are random."""
    ratio_db = jnp.where(chance.maybe(0.4), chance.uniform(-8, -3), chance.uniform(-3, 10))
    over = over * _energy(sound) / _energy(over) * 10 ** (-ratio_db / 10)
    phase = chance.uniform(0, 2 * np.pi, *sound.shape[1:])
    both = sound + over + 1.4 * jnp.sqrt(sound * over) * jnp.cos(phase)  # less than 2: a band averages some phases
    return jnp.where(chance.maybe(0.75), jnp.maximum(both, 0.0), sound)


def _with_noise(chance: _Chance, sound: jax.Array) -> jax.Array:
    """Add white to brown noise to a third of them, 6 dB above to 12 dB below."""
    noise = 0.5 - jnp.log(chance.uniform(1e-6, 1.0, *sound.shape[1:]))
    noise = noise * (2.0**_OCTAVES) ** chance.uniform(-2.2, 0.3)
    noise = noise * _energy(sound) / _energy(noise) * 10 ** (-chance.uniform(-6, 12) / 10)
    return jnp.where(chance.maybe(0.35), sound + noise, sound)


def _filtered(chance: _Chance, decibels: jax.Array) -> jax.Array:
    """Equalise by smooth curves of 5 dB; limit to a telephone's band, or cut the high frequencies."""
    knots, grid = chance.normal(6) * 5, np.linspace(0, 5, N_BANDS)
    low = np.clip(grid.astype(int), 0, 4)
    curve = knots[:, low] * (1 - (grid - low)) + knots[:, low + 1] * (grid - low)
    decibels = decibels + jnp.where(chance.maybe(0.6), curve[:, None], 0.0)
    which = chance.uniform()
    muffled = chance.uniform(1200, 3600)
    decibels = jnp.where((which < 0.12) & _TELEPHONE, decibels - 40, decibels)  # noqa: PLR2004 - a share
    dull = (which >= 0.12) & (which < 0.25) & (jnp.log2(muffled / 180) < _OCTAVES)  # noqa: PLR2004 - shares
    return jnp.where(dull, decibels - chance.uniform(20, 60), decibels)


def _coded(chance: _Chance, decibels: jax.Array) -> jax.Array:
    """Drop masked bands as a codec does, add jitter, compress the dynamics, drop a stretch."""
    floor = decibels.max((1, 2), keepdims=True) - chance.uniform(30, 60)
    decibels = jnp.where(chance.maybe(0.3), jnp.maximum(decibels, floor), decibels)
    masked = decibels.max(2, keepdims=True) - chance.uniform(20, 45)
    decibels = jnp.where(chance.maybe(0.3), jnp.maximum(decibels, masked), decibels)
    jitter = chance.uniform(0, 3) * chance.normal(*decibels.shape[1:])
    decibels = decibels + jnp.where(chance.maybe(0.2), jitter, 0.0)
    peak = decibels.max(2, keepdims=True)
    flatter = decibels - (peak - peak.mean(1, keepdims=True)) * chance.uniform(0.2, 0.7)
    decibels = jnp.where(chance.maybe(0.15), flatter, decibels)
    frame, start = np.arange(decibels.shape[1])[None, :, None], chance.uniform(0, decibels.shape[1])
    hole = (frame >= start) & (frame < start + chance.uniform(4, 24))
    return jnp.where(chance.maybe(0.1) & hole, -80.0, decibels)


def _energy(sound: jax.Array) -> jax.Array:
    return sound.mean((1, 2), keepdims=True) + 1e-9
