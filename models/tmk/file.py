"""Files of TMK+PDQF descriptors, `.tmk`, little-endian; after ThreatExchange, tmk/cpp/io/tmkiotypes.h."""

import struct

import numpy as np

from models.tmk.descriptor import COEFFICIENTS, DIMENSION, FRAMES_PER_SECOND, PERIODS, Floats, Tmk

_HEADER = struct.Struct("<4s4s4s5i")
_MAGIC = (b"TMK1", b"FVEC", b"PDQF")
_SIZES = (len(PERIODS), len(COEFFICIENTS), DIMENSION)
_WAVES = len(PERIODS) * len(COEFFICIENTS) * DIMENSION
FILE_BYTES = _HEADER.size + 4 * (len(PERIODS) + len(COEFFICIENTS) + DIMENSION + 2 * _WAVES)
"""Bytes of every file: there is no other form that can be compared with ours."""
_TOLERANCE = 1e-3
"""Of a vector's squared length: the source sums and divides float32."""


def tmk_bytes(tmk: Tmk) -> bytes:
    """Return the file of a descriptor."""
    header = _HEADER.pack(*_MAGIC, FRAMES_PER_SECOND, *_SIZES, tmk.n_frames)
    numbers = (COEFFICIENTS, tmk.average, tmk.cosines, tmk.sines)
    return b"".join([header, PERIODS.astype("<i4").tobytes(), *(each.astype("<f4").tobytes() for each in numbers)])


def read_tmk(content: bytes) -> Tmk:
    """Return the descriptor in a file.

    Raises
    ------
    ValueError
        It has another size, frame rate, periods or coefficients, a number that is not finite, or a vector longer than
        its coefficient allows, with which a score would be above 1.
    """
    if len(content) != FILE_BYTES:
        raise ValueError(f"{len(content)} bytes are not a TMK+PDQF, which has {FILE_BYTES}")
    *magic, rate, periods, coefficients, dimension, n_frames = _HEADER.unpack_from(content)
    if tuple(magic) != _MAGIC or (rate, periods, coefficients, dimension) != (FRAMES_PER_SECOND, *_SIZES):
        raise ValueError("the header is not that of TMK+PDQF at 15 frames a second")
    if (np.frombuffer(content, "<i4", len(PERIODS), _HEADER.size) != PERIODS).any():
        raise ValueError("the periods are not those of TMK+PDQF")
    weights, average, cosines, sines = _numbers(content)
    if not np.allclose(weights, COEFFICIENTS, rtol=1e-6, atol=0):
        raise ValueError("the coefficients are not those of TMK+PDQF")
    return Tmk(n_frames, average, cosines, sines)


def _numbers(content: bytes) -> tuple[Floats, Floats, Floats, Floats]:
    found = np.frombuffer(content, "<f4", offset=_HEADER.size + 4 * len(PERIODS)).astype(np.float32)
    if not np.isfinite(found).all():
        raise ValueError("a number is not finite")
    weights, average, waves = np.split(found, [len(COEFFICIENTS), len(COEFFICIENTS) + DIMENSION])
    cosines, sines = waves.reshape(2, *_SIZES)
    lengths = np.square(waves.reshape(2, *_SIZES), dtype=np.float64).sum(axis=-1)
    if (lengths > COEFFICIENTS * (1 + _TOLERANCE)).any():
        raise ValueError("a vector is longer than its coefficient allows")
    return weights, average, cosines, sines
