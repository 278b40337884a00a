"""Signals of a file find its copies, and not other files."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from streams.decode.decoder import Decoder, post_sampling
from streams.decode.settings import MediaSettings
from streams.describe.picture_hashes import picture_hashes
from streams.exchange.export_case import signals_of_file
from streams.exchange.formats.changes import Change
from streams.exchange.list_index import ListIndex
from streams.exchange.lists import parts_of
from tests.unit.decode.made import image, scanned, scene, segments_of, video
from tests.unit.exchange.test_list_index import AT

SAMPLING = post_sampling(MediaSettings())


def detailed(seed: int, shift: int) -> npt.NDArray[np.uint8]:
    """Return a picture with detail of all sizes, as a camera makes it: bits of a smooth one are noise."""
    rng, total = np.random.default_rng(seed), np.zeros((288, 480, 3))
    for side, weight in ((6, 0.5), (18, 0.3), (48, 0.2)):
        tiny = rng.integers(0, 255, (side, side * 5 // 3, 3), dtype=np.uint8)
        total += weight * np.asarray(Image.fromarray(tiny).resize((480, 288), Image.Resampling.BICUBIC))
    return np.roll(total, shift, axis=1).astype(np.uint8)


async def exported(file: Path) -> list[Change]:
    async with Decoder(MediaSettings()) as decoder:
        return await signals_of_file(decoder, "file-1", file)


def index_of(found: list[Change]) -> ListIndex:
    index = ListIndex(None)
    for key, part in parts_of("list-a", {one.origin: one for one in found}, AT).items():
        index.put(key, part)
    return index


def n_near(index: ListIndex, file: Path) -> int:
    """Return the number of frames of a post's file that are near to a hash of the list."""
    frames = [frame for segment in segments_of(file, SAMPLING) for frame in segment.frames]
    hashes = [np.frombuffer(one.hashes, np.uint8).reshape(8, 32) for one in picture_hashes(frames)]
    return sum(any(index.near(each)) for each in hashes)


async def test_a_video_is_exported_as_its_md5_and_a_picture_of_each_shot(tmp_path: Path) -> None:
    frames = [detailed(n // 20, n % 20 // 4) for n in range(80)]
    file = video(tmp_path / "a.mp4", frames)
    film, *pictures = await exported(file)
    assert film.is_film
    assert film.signals[0].value == hashlib.md5(file.read_bytes()).digest() == scanned(file, SAMPLING).md5
    assert 4 <= len(pictures) <= 8
    assert [one.origin for one in pictures] == [f"file-1-{n}" for n in range(len(pictures))]
    copy = video(tmp_path / "b.mp4", [each[::2, ::2] for each in frames], options={"crf": "35"})
    mirrored = video(tmp_path / "c.mp4", [each[:, ::-1] for each in frames])
    other = video(tmp_path / "d.mp4", [detailed(50 + n // 20, n % 20 // 4) for n in range(80)])
    index = index_of([film, *pictures])
    assert n_near(index, copy) >= 4
    assert n_near(index, mirrored) >= 4
    assert n_near(index, other) == 0


async def test_a_picture_is_exported_as_one_entry(tmp_path: Path) -> None:
    file = image(tmp_path / "a.jpg", scene(3, width=640, height=400))
    (entry,) = await exported(file)
    assert [signal.kind for signal in entry.signals] == ["md5", "pdq"]
    assert not entry.is_film


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT])
async def test_a_turned_picture_of_other_size_is_found(tmp_path: Path, turn: Image.Transpose) -> None:
    picture = Image.fromarray(scene(3, width=640, height=400))
    picture.save(tmp_path / "a.png")
    picture.transpose(turn).resize((300, 300)).save(tmp_path / "b.jpg", quality=60)
    assert n_near(index_of(await exported(tmp_path / "a.png")), tmp_path / "b.jpg") == 1
