"""Rows of one stretch of a reference are one row of the index, their mean."""

import numpy as np
import pytest

from streams.match.runs import runs
from tests.unit.match.test_reference_index import COLUMNS, near, unit


def test_a_run_is_the_mean_of_its_rows_from_its_first_time_to_its_last() -> None:
    scene, other = unit(1, COLUMNS, seed=1), unit(1, COLUMNS, seed=2)
    shown = near(np.repeat(scene, 6, axis=0), 0.93, seed=3)
    found = runs(np.concatenate([shown, other]), np.arange(7.0), 0.8)
    assert found.start_s.tolist() == [0.0, 6.0]
    assert found.end_s.tolist() == [5.0, 6.0]
    assert np.linalg.norm(found.rows, axis=1) == pytest.approx([1.0, 1.0], abs=1e-6)
    assert (found.rows[0] @ scene[0]) > (shown @ scene[0]).max()  # what the frames differ in is averaged out


def test_no_rows_have_no_runs() -> None:
    assert len(runs(np.zeros((0, COLUMNS), np.float32), np.zeros(0), 0.8).rows) == 0
