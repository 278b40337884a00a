"""Descriptors that cannot be compared are refused with the reason."""

import msgspec
import numpy as np
import pytest

from schemas.matrix import pack
from schemas.messages import Descriptors, Matrix
from schemas.validation import defect
from tests.unit.made_messages import segment

GOOD = Descriptors(
    descriptor_id="d1",
    segment=segment(),
    modality="audio",
    model="m",
    version="1",
    vectors=pack(np.ones((2, 4), np.float32)),
    times_s=[0.0, 1.0],
    landmarks=pack(np.zeros((2, 8), np.float32), "int8"),
)


def test_good_descriptors_have_no_defect() -> None:
    assert defect(GOOD) is None
    assert defect(msgspec.structs.replace(GOOD, landmarks=None)) is None


@pytest.mark.parametrize("name", ["landmarks", "motion"])
def test_a_matrix_whose_bytes_do_not_fill_it_is_a_defect(name: str) -> None:
    cut_short = Matrix(dtype="int8", rows=2, columns=8, data=b"123")
    why = defect(msgspec.structs.replace(GOOD, **{name: cut_short}))
    assert why is not None
    assert why.startswith(f"{name}: ")
