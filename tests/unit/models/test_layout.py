import numpy as np
import numpy.typing as npt
import pytest

from models.visual.layout import rectangles
from tests.unit.models.made import picture

Luma = npt.NDArray[np.uint8]


def frames(first_seed: int, n: int = 4) -> Luma:
    return np.stack([np.asarray(picture(first_seed + index).convert("L")) for index in range(n)])


def with_inset(left: int, top: int, width: int, height: int) -> Luma:
    shown = frames(0)
    for index, ground in enumerate(shown):
        ground[top : top + height, left : left + width] = picture(100 + index, (width, height)).convert("L")
    return shown


@pytest.mark.parametrize("place", [(30, 20, 120, 68), (200, 150, 240, 108), (341, 0, 139, 90), (0, 0, 240, 270)])
def test_an_inset_is_found_at_its_place(place: tuple[int, int, int, int]) -> None:
    left, top, width, height = place
    best = rectangles(with_inset(*place), 3)[0]
    expected = (left / 480, top / 270, (left + width) / 480, (top + height) / 270)
    assert best.box == pytest.approx(expected, abs=0.01)
    assert best.score > 0.35


def test_frames_of_scenes_hold_no_likely_rectangle() -> None:
    assert all(found.score < 0.3 for seed in range(0, 40, 4) for found in rectangles(frames(seed), 3))


def test_the_frame_itself_is_no_rectangle() -> None:
    assert all(found.box != (0, 0, 1, 1) for found in rectangles(frames(0), 3))


@pytest.mark.parametrize("shape", [(1, 1), (31, 200), (32, 32)])
def test_tiny_and_plain_frames_have_no_rectangle(shape: tuple[int, int]) -> None:
    assert rectangles(np.zeros((2, *shape), np.uint8), 3) == []
