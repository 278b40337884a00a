"""Still pictures as a browser shows them on a light page."""

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from streams.decode.decoder import post_sampling
from streams.decode.media.parts import parts
from streams.decode.media.picture import opaque
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from tests.unit.decode.made import moving, scanned, scene, segments_of, video

SAMPLING = post_sampling(MediaSettings())
PHOTO = Path("tests/data/photo_of_28_tiles.heic")


def shown(path: Path) -> npt.NDArray[np.int16]:
    """Return the first frame of a file, shape (height, width, 3)."""
    frame = next(iter(segments_of(path, SAMPLING))).frames[0]
    return np.asarray(Image.open(BytesIO(frame.jpeg)).convert("RGB")).astype(np.int16)


def is_near(found: npt.NDArray[np.int16], expected: npt.NDArray[np.uint8], most: float = 8.0) -> bool:
    return found.shape == expected.shape and float(np.abs(found - expected).mean()) < most


def greys() -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(scene(2)).convert("L"))


def rgb(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_grey_of_16_bits_keeps_its_greys(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(greys().astype(np.uint16) * 257).save(tmp_path / f"a.{suffix}")
    assert is_near(shown(tmp_path / f"a.{suffix}"), rgb(greys()))


@pytest.mark.parametrize("most", [1.0, 255.0, 65535.0])
def test_a_grey_of_floats_keeps_its_greys(most: float) -> None:
    picture = Image.fromarray((greys() / 255 * most).astype(np.float32))
    assert is_near(np.asarray(opaque(picture)).astype(np.int16), rgb(greys()))


def test_one_grey_of_floats_is_a_picture() -> None:
    assert opaque(Image.new("F", (4, 4), 0.0)).size == (4, 4)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_a_picture_in_the_transparency_is_seen_on_white(tmp_path: Path, suffix: str) -> None:
    rgba = np.zeros((96, 160, 4), np.uint8)
    rgba[..., 3] = 255 - greys()
    Image.fromarray(rgba).save(tmp_path / f"a.{suffix}", lossless=True)
    assert is_near(shown(tmp_path / f"a.{suffix}"), rgb(greys()))


def test_a_film_with_transparency_is_seen_on_white(tmp_path: Path) -> None:
    first = Image.fromarray(np.zeros((96, 160, 4), np.uint8))
    rgba = np.zeros((96, 160, 4), np.uint8)
    rgba[..., 3] = 255 - greys()
    Image.fromarray(rgba).save(tmp_path / "a.png", save_all=True, append_images=[first], duration=500)
    assert is_near(shown(tmp_path / "a.png"), rgb(greys()), most=12.0)


def test_the_transparent_colour_of_a_palette_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (40, 40), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(1, (0, 0, 20, 40))
    picture.save(tmp_path / "a.png", transparency=0)
    found = shown(tmp_path / "a.png")
    assert found[20, 5, 0] > 200 > found[20, 5, 1]
    assert found[20, 35].min() > 240


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_converted(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(scene(2)).convert("CMYK").save(tmp_path / f"a.{suffix}")
    assert is_near(shown(tmp_path / f"a.{suffix}"), scene(2), most=12.0)


@pytest.mark.parametrize("suffix", ["bmp", "tif"])
def test_rarer_formats_are_decoded(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(scene(2)).save(tmp_path / f"a.{suffix}")
    assert is_near(shown(tmp_path / f"a.{suffix}"), scene(2))


def test_a_photo_of_tiles_is_the_whole_photo() -> None:
    info = scanned(PHOTO, SAMPLING)
    found = shown(PHOTO)
    assert (info.kind, info.width, info.height) == ("image", 1600, 1004)
    assert found.shape == (320, 510, 3)
    assert all(part.std() > 10 for half in np.array_split(found, 2) for part in np.array_split(half, 3, axis=1))


def test_the_film_behind_a_photo_of_tiles_is_decoded_too(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(PHOTO.read_bytes() + video(tmp_path / "b.mp4", moving(20)).read_bytes())
    with path.open("rb") as file:
        assert len(parts(file.fileno())) == 2
    assert [segment.duration_s for segment in segments_of(path, SAMPLING)] == [0.0, 2.0]


def test_a_photo_with_a_broken_tile_is_shown_with_a_reason(tmp_path: Path) -> None:
    content = bytearray(PHOTO.read_bytes())
    content[-40_000:-25_000] = bytes(15_000)
    (tmp_path / "a.heic").write_bytes(content)
    found = segments_of(tmp_path / "a.heic", SAMPLING)
    assert next(found).frames
    with pytest.raises(UnprocessableError) as refused:
        next(found)
    assert refused.value.reason == "media_partial"
    assert "tiles" in refused.value.detail


@pytest.mark.parametrize("seed", range(12))
def test_a_broken_photo_is_refused_or_shown_and_never_a_bug(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(PHOTO.read_bytes())
    for at in rng.integers(0, 3000, 1 + 3 * seed):
        content[at] = rng.integers(256)
    (tmp_path / "a.heic").write_bytes(content)
    try:
        found = list(segments_of(tmp_path / "a.heic", SAMPLING))
    except UnprocessableError:
        return
    assert found
