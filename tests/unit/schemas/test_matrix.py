import numpy as np
import numpy.typing as npt
import pytest

from schemas.matrix import pack, unpack
from schemas.messages import Matrix

TOLERANCE = {"float32": 0.0, "float16": 2**-11, "int8": 0.5 / 127 + 1e-6}


def vectors(rows: int = 7, columns: int = 512) -> npt.NDArray[np.float32]:
    drawn = np.random.default_rng(3).normal(size=(rows, columns)).astype(np.float32)
    unit: npt.NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_unpacked_vectors_are_equal_within_the_precision_of_the_type(dtype: str) -> None:
    packed = pack(vectors(), dtype)
    back = unpack(packed)
    assert (packed.dtype, packed.rows, packed.columns) == (dtype, 7, 512)
    assert back.dtype == np.float32
    assert back.shape == (7, 512)
    assert np.abs(back - vectors()).max() <= TOLERANCE[dtype]


def test_the_default_type_has_two_bytes_per_number() -> None:
    packed = pack(vectors())
    assert (packed.dtype, len(packed.data)) == ("float16", 7 * 512 * 2)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_ends_of_the_range_are_exact(dtype: str) -> None:
    ends = np.array([[-1.0, 0.0, 1.0]], np.float32)
    assert unpack(pack(ends, dtype)).tolist() == ends.tolist()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_matrix_without_rows_is_packed_and_unpacked(dtype: str) -> None:
    assert unpack(pack(np.zeros((0, 512), np.float32), dtype)).shape == (0, 512)


def test_an_unpacked_array_is_writable() -> None:
    back = unpack(pack(vectors(), "float32"))
    back[0, 0] = 2.0
    assert back[0, 0] == 2.0


def test_a_strided_view_is_packed_by_its_values() -> None:
    every_other = vectors()[::2, ::-1]
    assert unpack(pack(every_other, "float32")).tolist() == every_other.tolist()


@pytest.mark.parametrize(
    ("dtype", "rows", "columns", "n_bytes"),
    [
        ("float16", 2, 3, 11),
        ("float16", 2, 3, 10),
        ("float32", 2, 3, 12),
        ("int8", 2, 3, 7),
        ("int8", 2, 3, 0),
        ("int8", -1, 3, 6),
        ("int8", 2, -1, 6),
        ("int8", -2, -3, 6),
        ("float64", 2, 3, 48),
        ("", 2, 3, 12),
    ],
)
def test_bytes_that_do_not_fill_the_shape_are_refused(dtype: str, rows: int, columns: int, n_bytes: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(Matrix(dtype=dtype, rows=rows, columns=columns, data=bytes(n_bytes)))
