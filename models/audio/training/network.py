"""Network of the fingerprint in JAX, for training; models/audio/network.py writes the same arithmetic as ONNX."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.audio.network import (
    AROUND_FRAMES,
    CHANNELS,
    DIMENSIONS,
    EPSILON,
    FLOOR,
    KERNELS,
    OFFSET,
    PADS,
    STRIDES,
    WINDOW_STEPS,
    Weights,
)
from models.audio.spectrum import LEAST_POWER

_LAST_BANDS = 4


def initial(key: jax.Array) -> Weights:
    """Return random weights (He et al. 2015 for the convolutions)."""
    layers: list[Any] = []
    n_in = 1
    for kernel, n_out in zip(KERNELS, CHANNELS, strict=True):
        key, part = jax.random.split(key)
        drawn = jax.random.normal(part, (*kernel, n_in, n_out)) * np.sqrt(2 / (np.prod(kernel) * n_in))
        layers.append({"kernel": drawn, "bias": jnp.zeros(n_out), "gain": jnp.ones(n_out), "shift": jnp.zeros(n_out)})
        n_in = n_out
    n_inputs = WINDOW_STEPS * _LAST_BANDS * n_in
    projection = jax.random.normal(key, (n_inputs, DIMENSIONS)) / np.sqrt(n_inputs)
    return {"convolutions": layers, "projection": projection, "bias": jnp.zeros(DIMENSIONS)}


def embed(weights: Weights, power: jax.Array) -> jax.Array:
    """Return fingerprints (sounds, windows, 128), rows of length 1, of powers (sounds, frames, 106)."""
    hidden = _normalised(power)[..., None]
    for layer, strides, pads in zip(weights["convolutions"], STRIDES, PADS, strict=True):
        hidden = _convolved(hidden, jnp.asarray(layer["kernel"]), strides, pads) + layer["bias"]
        hidden = jax.nn.relu(_channel_norm(hidden) * layer["gain"] + layer["shift"])
    steps = hidden.reshape(*hidden.shape[:2], -1)
    n_windows = steps.shape[1] - WINDOW_STEPS + 1
    windows = jnp.stack([steps[:, i : i + WINDOW_STEPS].reshape(len(steps), -1) for i in range(n_windows)], 1)
    projected = windows @ weights["projection"] + weights["bias"]
    return projected / jnp.linalg.norm(projected, axis=-1, keepdims=True)


def _normalised(power: jax.Array) -> jax.Array:
    loudness = power.mean(2)
    index = np.arange(loudness.shape[1])
    near = (np.abs(index[:, None] - index[None]) <= AROUND_FRAMES // 2).astype(np.float32)
    around = loudness @ (near / near.sum(1, keepdims=True)).T + LEAST_POWER
    return jnp.log10(power / around[..., None] + FLOOR) + OFFSET


def _convolved(
    hidden: jax.Array, kernel: jax.Array, strides: tuple[int, int], pads: tuple[int, int, int, int]
) -> jax.Array:
    """Convolve by one matrix product: on a CPU, the gradient of XLA's own convolutions takes twice as long."""
    before, left, after, right = pads
    padded = jnp.pad(hidden, ((0, 0), (before, after), (left, right), (0, 0)))
    n_rows = (padded.shape[1] - kernel.shape[0]) // strides[0] + 1
    n_columns = (padded.shape[2] - kernel.shape[1]) // strides[1] + 1
    patches = [
        padded[:, row : row + (n_rows - 1) * strides[0] + 1 : strides[0], column :: strides[1]][:, :, :n_columns]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    ]
    return jnp.concatenate(patches, -1) @ kernel.reshape(-1, kernel.shape[-1])


def _channel_norm(hidden: jax.Array) -> jax.Array:
    centred = hidden - hidden.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
