"""Arrays on the wire: conversion between numpy matrices and dtype, shape and bytes."""

import numpy as np
import numpy.typing as npt

from schemas.messages import Matrix

_DTYPES = {"float16": "<f2", "float32": "<f4", "int8": "i1"}
_INT8_SCALE = 127.0


def pack(vectors: npt.NDArray[np.floating], dtype: str = "float16") -> Matrix:
    """Pack float vectors, shape (n, d), values within [-1, 1] for int8."""
    rows, columns = vectors.shape
    scaled = np.rint(vectors * _INT8_SCALE) if dtype == "int8" else vectors
    return Matrix(dtype=dtype, rows=rows, columns=columns, data=scaled.astype(_DTYPES[dtype]).tobytes())


def unpack(matrix: Matrix) -> npt.NDArray[np.float32]:
    """Unpack to float32, shape (rows, columns).

    Raises
    ------
    ValueError
        If the dtype is unknown or the bytes do not fill the shape.
    """
    if matrix.dtype not in _DTYPES:
        raise ValueError(f"unknown dtype {matrix.dtype!r}: expected one of {sorted(_DTYPES)}")
    if min(matrix.rows, matrix.columns) < 0:  # numpy would infer a dimension given as -1
        raise ValueError(f"a matrix of {matrix.rows} rows and {matrix.columns} columns")
    flat = np.frombuffer(matrix.data, dtype=_DTYPES[matrix.dtype])
    vectors = flat.reshape(matrix.rows, matrix.columns).astype(np.float32)
    return vectors / np.float32(_INT8_SCALE) if matrix.dtype == "int8" else vectors
