"""Edit lists, turned and mirrored pictures, and times of decoding that step back: what a player shows is seen."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.decode.made import moving, scene, segments_of, tone, video
from tests.unit.decode.test_clocks import SAMPLING, film, loud_s, seen, times
from tests.unit.decode.test_pictures import PHOTO, is_near, shown
from tests.unit.decode.test_segments import is_similar

_FLV_HEADER, _TAG, _VIDEO = 13, 11, 9
_IDENTITY, _ONE = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30), 1 << 16


def with_edit(path: Path, start_s: float) -> Path:
    """Let the edit list of a film's first track begin later in its media."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        time_base = container.streams.video[0].time_base
    assert time_base is not None
    at = content.index(b"elst") + 12
    shown_ms, first = struct.unpack_from(">Ii", content, at)
    struct.pack_into(">Ii", content, at, shown_ms - round(1000 * start_s), first + round(start_s / time_base))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("options", [{"g": "250", "bf": "0"}, {"g": "10"}, {"g": "250", "bf": "2"}])
def test_what_an_edit_list_leaves_out_is_not_shown(tmp_path: Path, options: dict[str, str]) -> None:
    path = video(tmp_path / "a.mp4", moving(40, shot_frames=20), options=options)
    info, (segment,) = seen(with_edit(path, 2.0))
    assert info.duration_s == pytest.approx(2.0, abs=0.11)
    assert times([segment])[0] == 0.0
    assert is_similar(segment.frames[0].jpeg, scene(1, 40))
    assert segment.picture is not None
    assert segment.picture.decoded_s == pytest.approx(segment.picture.present_s, abs=0.2)


def test_picture_that_begins_after_its_sound_keeps_its_time(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(20), times_s=[1.5 + index / 10 for index in range(20)], sound=tone(4.0))
    assert path.read_bytes().count(b"elst") >= 1
    info, found = seen(path)
    assert info.duration_s == pytest.approx(4.0, abs=0.15)
    assert times(found)[0] == pytest.approx(1.5, abs=0.06)
    assert loud_s(found) == pytest.approx(3.8, abs=0.3)


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Give the film another display matrix."""
    content = path.read_bytes()
    a, b, c, d = (number * _ONE for number in matrix)
    assert content.count(_IDENTITY) > 1
    at = content.index(_IDENTITY, content.index(b"tkhd"))
    path.write_bytes(content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :])
    return path


@pytest.mark.parametrize(
    ("matrix", "quarters"),
    [
        ((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1),
        ((-1, 0, 0, 1), 0), ((1, 0, 0, -1), 2), ((0, 1, 1, 0), 1), ((0, -1, -1, 0), 3),
    ],
)  # fmt: skip
def test_a_matrix_turns_the_picture_and_a_mirrored_one_no_further_than_that(
    tmp_path: Path, matrix: tuple[int, int, int, int], quarters: int
) -> None:
    path = with_matrix(video(tmp_path / "a.mp4", [scene(3)] * 3), matrix)
    (segment,) = segments_of(path, SAMPLING)
    assert is_similar(segment.frames[0].jpeg, np.ascontiguousarray(np.rot90(scene(3), quarters)))


def test_a_photo_of_tiles_is_turned_and_mirrored(tmp_path: Path) -> None:
    upright = shown(PHOTO)
    for kind, value in ((b"irot", 1), (b"irot", 2), (b"imir", 0), (b"imir", 1)):
        content = bytearray(PHOTO.read_bytes())
        at = content.index(b"pixi")  # a property of the photo and of its tiles
        content[at : at + 5] = kind + bytes([value])
        (tmp_path / "a.heic").write_bytes(content)
        expected = np.rot90(upright, value) if kind == b"irot" else np.flip(upright, value)
        assert is_near(shown(tmp_path / "a.heic"), expected.astype(np.uint8))


def stepping_back(content: bytes) -> bytes:
    """Return an FLV file in which every fifth picture is timed 0.25 s before the one ahead of it."""
    changed, at, number = bytearray(content), _FLV_HEADER, 0
    while at < len(content):
        size, at_ms = int.from_bytes(content[at + 1 : at + 4]), int.from_bytes(content[at + 4 : at + 7])
        if content[at] == _VIDEO:
            number += 1
            if number > 2 and number % 5 == 0:  # not the headers
                changed[at + 4 : at + 7] = max(0, at_ms - 290).to_bytes(3)
        at += _TAG + size + 4
    return bytes(changed)


@pytest.mark.parametrize("codec", ["flv1", "libx264"])
def test_times_of_decoding_that_step_back_lose_nothing(tmp_path: Path, codec: str) -> None:
    path = film(tmp_path / "a.flv", codec=codec)
    path.write_bytes(stepping_back(path.read_bytes()))
    info, found = seen(path)
    assert info.duration_s == pytest.approx(4.0, abs=0.3)
    assert max(times(found)) > 2.9
    assert loud_s(found) == pytest.approx(3.8, abs=0.3)
    assert found[0].picture is not None
    assert found[0].picture.decoded_s == pytest.approx(found[0].picture.present_s, abs=0.1)
