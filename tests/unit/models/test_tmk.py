"""TMK+PDQF: the numbers of Meta's implementation, ThreatExchange's tmk/cpp, which `make` builds.

Those below were printed for the same frames, written as raw RGB, by `vstr2feat --raw --width 64 --height 64 --fps 15
--frame-feature-algorithm-name pdqf | feat2tmk`, and the scores by `tmk-query --c1 -1 --c2 0`.
`python -m ops.bench.tmk FOLDER` compares all of them, and the files of both sides.
"""

import numpy as np
import pytest
from PIL import Image

from models.pdq.hash import picture_features
from models.tmk.descriptor import Tmk, TmkMaker
from models.tmk.file import FILE_BYTES, read_tmk, tmk_bytes
from models.tmk.score import scores
from tests.unit.models.test_pdq import made

CLIPS = {"a": (40, 0), "b": (40, 7), "c": (30, 0)}
AVERAGES = {
    "a": [903.0802001953125, 650.2674560546875, -58.70076370239258, -85.96907043457031],
    "b": [793.8052368164062, 748.574462890625, 149.21157836914062, -152.28453063964844],
    "c": [1261.053955078125, 514.1143798828125, -180.38778686523438, 21.099260330200195],
}
COSINES = {  # of the second period and third multiple
    "a": [0.2703603208065033, 0.17396202683448792, -0.015422941185534],
    "b": [0.20755067467689514, 0.2145073562860489, 0.04343094676733017],
    "c": [0.31828081607818604, 0.10054055601358414, -0.03885309770703316],
}
SINES = {  # of the fourth period and seventh multiple
    "a": [0.09180621057748795, 0.18935665488243103, -0.0016243266873061657],
    "b": [0.06326305866241455, 0.16194555163383484, 0.08006209135055542],
    "c": [0.16736873984336853, 0.14322830736637115, -0.04120548069477081],
}
SCORES = {("a", "b"): (0.967224, 0.928631), ("a", "c"): (0.949285, 0.911022), ("b", "c"): (0.853210, 0.732816)}


def clip(n_frames: int, first: int) -> list[Image.Image]:
    """Return pictures of 64 x 64 in which something moves, the same on every machine."""
    return [made(64, 64, 3 + n % 5, 2 + n // 4, 1 + n % 3) for n in range(first, first + n_frames)]


def descriptor(frames: list[Image.Image]) -> Tmk:
    maker = TmkMaker()
    for start in range(0, len(frames), 16):
        maker.add(np.stack([picture_features(frame) for frame in frames[start : start + 16]]))
    return maker.made()


@pytest.fixture(scope="module")
def made_clips() -> dict[str, Tmk]:
    return {name: descriptor(clip(*of_clip)) for name, of_clip in CLIPS.items()}


def test_a_descriptor_has_the_numbers_of_the_reference(made_clips: dict[str, Tmk]) -> None:
    for name, found in made_clips.items():
        assert found.n_frames == CLIPS[name][0]
        np.testing.assert_allclose(found.average[:4], AVERAGES[name], rtol=1e-5)
        np.testing.assert_allclose(found.cosines[1, 3, :3], COSINES[name], rtol=1e-5)
        np.testing.assert_allclose(found.sines[3, 7, :3], SINES[name], rtol=1e-5)


def test_scores_are_those_of_the_reference(made_clips: dict[str, Tmk]) -> None:
    for (one, other), expected in SCORES.items():
        assert scores(made_clips[one], made_clips[other]) == pytest.approx(expected, abs=1e-5)
    assert scores(made_clips["a"], made_clips["a"]) == pytest.approx((1.0, 1.0), abs=1e-5)


def test_another_video_is_not_near(made_clips: dict[str, Tmk]) -> None:
    other = descriptor([made(64, 64, 9, 1, 40 + n) for n in range(20)])
    assert not scores(made_clips["a"], other).near
    nothing = TmkMaker().made()
    assert scores(nothing, nothing) == (0.0, 0.0)


def test_a_file_is_read_as_it_was_written(made_clips: dict[str, Tmk]) -> None:
    content = tmk_bytes(made_clips["a"])
    assert len(content) == FILE_BYTES == 263_344
    assert content[:16] == b"TMK1FVECPDQF\x0f\0\0\0"
    assert tmk_bytes(read_tmk(content)) == content


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"TMK2", "header"),
        (12, b"\x1e", "header"),
        (16, b"\xff\xff\xff\xff", "header"),
        (32, b"\0", "periods"),
        (48, b"\0\0\0\0", "coefficients"),
        (176, b"\0\0\x80\x7f", "finite"),
        (1200, b"\0\0\xc0\x7f", "finite"),
        (1200, b"\0\0\x80\x3f", "longer"),
    ],
)
def test_a_broken_file_is_refused(made_clips: dict[str, Tmk], at: int, value: bytes, message: str) -> None:
    content = tmk_bytes(made_clips["a"])
    with pytest.raises(ValueError, match=message):
        read_tmk(content[:at] + value + content[at + len(value) :])


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_is_refused(made_clips: dict[str, Tmk], change: int) -> None:
    with pytest.raises(ValueError, match="bytes are not a TMK"):
        read_tmk((tmk_bytes(made_clips["a"]) + b"\0")[: FILE_BYTES + change])
