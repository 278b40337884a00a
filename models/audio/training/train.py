"""Training of the fingerprint: ``python -m models.audio.training.train SOUNDS.npz --minutes 60``.

Contrastive, after Chang et al. 2021: windows of a reposted sound must be nearest to the windows of the registered one
among all others of the batch, most of them of other sounds and some of the same sound seconds apart. Needs the
dependency group ``train``. Writes models/audio/fingerprint.onnx and prints its sha256.
"""

import hashlib
import pickle
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import typer

from models.audio.network import STEP_FRAMES, Weights, export
from models.audio.training.augment import registered, reposted, stretched
from models.audio.training.committed import weights_in
from models.audio.training.data import EXAMPLE_FRAMES, KINDS, Sounds
from models.audio.training.network import embed, initial

PATH = Path(__file__).parents[1] / "fingerprint.onnx"

_SOUNDS_PER_BATCH = 48
_QUERY_FRAMES, _REFERENCE_FRAMES = 192, 240
_QUERY_WINDOWS = np.arange(0, 15, 2)
_MIDDLE_QUERY, _MIDDLE_REFERENCE, _REFERENCE_WINDOWS = 7, 10, 21
_NEAR_WINDOWS = 4
"""Windows of one sound closer than this are neither positives nor negatives."""
_TEMPERATURE = 0.06
_WORTH = {"music": 1.0, "speech": 1.5, "effects": 1.2, "steady": 1.5}
_OVER = {"music": 0.35, "speech": 0.45, "effects": 0.1, "steady": 0.1}
_PEAK_RATE, _CONTINUED_RATE, _WARM_STEPS = 1.5e-3, 3e-4, 300
_NEVER = -1e9

type _Where = tuple[jax.Array, jax.Array]
"""Middles of the sounds and of their overlays, in frames."""

jax.config.update("jax_default_prng_impl", "unsafe_rbg")  # ten times faster on a CPU, and augmentation is half the work

_optimiser = optax.chain(
    optax.clip_by_global_norm(1.0), optax.inject_hyperparams(optax.adamw)(learning_rate=1e-3, weight_decay=1e-4)
)


def loss(
    weights: Weights, key: jax.Array, sounds: jax.Array, middle: jax.Array, over: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the contrastive loss of a batch, and the share of windows whose own window is the nearest of all.

    Parameters
    ----------
    sounds
        All frames as `data.quantised` stores them, shape (frames, 106).
    middle, over
        Frames in the middle of each sound of the batch, and of what is mixed into it, shape (n,).
    """
    speed, offset, light, heavy = _drawn(key, len(middle))
    ones = jnp.ones(len(middle))
    reference = embed(weights, registered(light, stretched(sounds, middle, ones, _REFERENCE_FRAMES)))
    query = stretched(sounds, middle + offset, speed, _QUERY_FRAMES)
    query = embed(weights, reposted(heavy, query, stretched(sounds, over, ones, _QUERY_FRAMES)))[:, _QUERY_WINDOWS]
    belongs = offset[:, None] + speed[:, None] * ((_QUERY_WINDOWS - _MIDDLE_QUERY) * STEP_FRAMES)[None]
    target = jnp.clip(jnp.round(belongs / STEP_FRAMES).astype(jnp.int32) + _MIDDLE_REFERENCE, 0, _REFERENCE_WINDOWS - 1)
    forth, accuracy = _from_query(query, reference, target)
    return forth + 0.5 * _from_reference(query, reference, target), accuracy


def _drawn(key: jax.Array, n: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return speeds, offsets in frames (at most half a hop), and keys for reference and post."""
    which, much, little, shift, light, heavy = jax.random.split(key, 6)
    changed = jnp.exp(jax.random.uniform(much, (n,), minval=np.log(0.8), maxval=np.log(1.25)))
    kept = jax.random.uniform(little, (n,), minval=0.98, maxval=1.02)
    speed = jnp.where(jax.random.uniform(which, (n,)) < 0.5, changed, kept)  # noqa: PLR2004 - a share
    half = STEP_FRAMES / 2
    return speed, jax.random.uniform(shift, (n,), minval=-half, maxval=half), light, heavy


def _from_query(query: jax.Array, reference: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the loss of each post's window against every window of every reference, and the accuracy."""
    n, n_windows = target.shape
    logits = jnp.einsum("aid,bjd->aibj", query, reference) / _TEMPERATURE
    distance = jnp.abs(jnp.arange(_REFERENCE_WINDOWS)[None, None] - target[..., None])
    near = (distance > 0) & (distance < _NEAR_WINDOWS)
    same = jnp.eye(n, dtype=bool)[:, None, :, None]
    flat = jnp.where(same & near[:, :, None], _NEVER, logits).reshape(n * n_windows, -1)
    truth = (jnp.arange(n)[:, None] * _REFERENCE_WINDOWS + target).reshape(-1)
    losses = optax.softmax_cross_entropy_with_integer_labels(flat, truth)
    return losses.mean(), (flat.argmax(1) == truth).mean()


def _from_reference(query: jax.Array, reference: jax.Array, target: jax.Array) -> jax.Array:
    """Return the loss of each reference's window against every window of every post."""
    own = jnp.take_along_axis(reference, target[..., None], 1).reshape(-1, reference.shape[-1])
    logits = own @ query.reshape(own.shape).T / _TEMPERATURE
    index, n_windows = np.arange(len(own)), target.shape[1]
    sound = index // n_windows
    near = (sound[:, None] == sound[None]) & (np.abs(index[:, None] - index[None]) == 1)
    return optax.softmax_cross_entropy_with_integer_labels(jnp.where(near, _NEVER, logits), jnp.asarray(index)).mean()


@jax.jit  # type: ignore[untyped-decorator,unused-ignore] # jax is installed only for training
def _step(
    weights: optax.Params, state: optax.OptState, key: jax.Array, sounds: jax.Array, where: _Where
) -> tuple[optax.Params, optax.OptState, jax.Array, jax.Array]:
    (value, accuracy), gradient = jax.value_and_grad(loss, has_aux=True)(weights, key, sounds, *where)
    updates, state = _optimiser.update(gradient, state, weights)
    return optax.apply_updates(weights, updates), state, value, accuracy


class _Draw:
    """Random positions of the sounds of a batch."""

    def __init__(self, sounds: Sounds, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._starts = sounds.starts
        worth = np.array([_WORTH[kind] for kind in KINDS])[sounds.kinds]
        self._cumulated = np.cumsum(worth / worth.sum())
        self._of_kind = [sounds.starts[sounds.kinds == index] for index in range(len(KINDS))]

    def batch(self) -> _Where:
        n, half = _SOUNDS_PER_BATCH, EXAMPLE_FRAMES // 2
        index = np.searchsorted(self._cumulated, self._random.random(n)).clip(max=len(self._starts) - 1)
        kinds = self._random.choice(len(KINDS), n, p=[_OVER[kind] for kind in KINDS])
        over: npt.NDArray[np.int64] = np.array([self._random.choice(self._of_kind[kind]) for kind in kinds])
        middle = self._starts[index] + half + self._random.integers(0, 16, n)
        return jnp.asarray(middle, jnp.float32), jnp.asarray(over + half, jnp.float32)


def train(sounds: Sounds, seconds: float, seed: int, start: Weights | None = None) -> Weights:
    """Return trained weights; the learning rate falls along a cosine over the time given, not over steps.

    Parameters
    ----------
    start
        Weights to continue from, at a lower rate; random ones if None.
    """
    draw, key, began_s = _Draw(sounds, seed), jax.random.key(seed), time.monotonic()
    weights: Any = initial(key) if start is None else jax.tree.map(lambda each: jnp.asarray(each, jnp.float32), start)
    peak = _PEAK_RATE if start is None else _CONTINUED_RATE
    state, decibels = _optimiser.init(weights), jnp.asarray(sounds.decibels)
    n_steps, history = 0, []
    while (passed := (time.monotonic() - began_s) / seconds) < 1:
        rate = peak * min(1.0, (n_steps + 1) / _WARM_STEPS) * (0.495 * (1 + np.cos(np.pi * passed)) + 0.01)
        state[1].hyperparams["learning_rate"] = jnp.asarray(rate, jnp.float32)
        key, part = jax.random.split(key)
        weights, state, value, accuracy = _step(weights, state, part, decibels, draw.batch())
        n_steps += 1
        history.append((float(value), float(accuracy)))
        if n_steps % 50 == 0:
            sys.stdout.write("step {}: loss {:.3f}, nearest {:.3f}\n".format(n_steps, *np.mean(history[-50:], axis=0)))
    trained: Weights = jax.tree.map(np.asarray, weights)
    return trained


def main(
    sounds: Path,
    minutes: Annotated[float, typer.Option(help="Duration of the training.")] = 60.0,
    seed: int = 1,
    fresh: Annotated[bool, typer.Option(help="Begin with random weights, not with the committed ones.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Also write the weights in full precision, pickled.")] = None,
) -> None:
    """Train, and write the committed file."""
    with np.load(sounds) as archive:
        start = None if fresh else weights_in(PATH.read_bytes())
        weights = train(Sounds(**archive), 60 * minutes, seed, start)
    if keep is not None:
        keep.write_bytes(pickle.dumps(weights))
    graph = export(weights)
    PATH.write_bytes(graph)
    sys.stdout.write(f"{PATH}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")


if __name__ == "__main__":
    typer.run(main)
