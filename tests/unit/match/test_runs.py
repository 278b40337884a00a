"""Rows of one stretch of a reference are one row of the index, their mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_long_still_scene_is_one_run_and_what_returns_after_another_scene_is_a_new_one() -> None:
    scenes = unit(2, COLUMNS, seed=1)
    found = runs(np.repeat(scenes[[0, 1, 0]], [65, 1, 200], axis=0), np.arange(266) / 2, 0.8)
    assert found.start_s.tolist() == [0.0, 32.5, 33.0]
    assert found.end_s.tolist() == [32.0, 32.5, 132.5]


def test_a_view_continues_the_view_it_resembles_and_one_that_a_frame_lacks_begins_again() -> None:
    views = unit(3, COLUMNS, seed=1)
    found = runs(views[[0, 1, 2, 1, 0, 2]], np.array([0.0, 0.0, 0.0, 1.0, 1.0, 9.0]), 0.8)
    assert found.rows == pytest.approx(views[[0, 1, 2, 2]], abs=1e-6)
    assert found.start_s.tolist() == [0.0, 0.0, 0.0, 9.0]
    assert found.end_s.tolist() == [1.0, 1.0, 0.0, 9.0]


FRAMES = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=90)
"""Scene of each view of each frame."""


@given(st.one_of(FRAMES, st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=1), min_size=1, max_size=200)))
def test_each_row_is_of_a_run_of_its_scene_that_the_frame_before_shows_or_begins_one(frames: list[list[int]]) -> None:
    scenes = np.eye(6, dtype=np.float32)
    times_s = np.repeat(np.arange(len(frames)) * 2.0, [len(frame) for frame in frames])
    found = runs(scenes[[scene for frame in frames for scene in frame]], times_s, 0.8)
    scene_of = found.rows.argmax(axis=1)
    assert np.linalg.norm(found.rows, axis=1) == pytest.approx(np.ones(len(found.rows)), abs=1e-6)
    assert (np.diff(found.start_s) >= 0).all()
    for scene in range(6):
        shown = [2.0 * at for at, frame in enumerate(frames) if scene in frame]
        begins = [at for at in shown if at - 2.0 not in shown]
        ends = [at for at in shown if at + 2.0 not in shown]
        own = scene_of == scene
        assert sorted(set(found.start_s[own].tolist())) == begins
        # of two views of one scene in its first frame, only one is continued
        assert [found.end_s[own][found.start_s[own] == begin].max() for begin in begins] == ends
        first = [frames[int(begin) // 2].count(scene) for begin in begins]
        assert [int((found.start_s[own] == begin).sum()) for begin in begins] == first
