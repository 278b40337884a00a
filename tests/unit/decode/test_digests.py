"""Digests of whole media: the same for exact copies, whatever their container and metadata."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from schemas.messages import Frames, Sounds
from streams.decode.decoder import post_sampling
from streams.decode.media.decoded import MediaInfo
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from tests.unit.decode.made import image, moving, scanned, scene, segments_of, tone, video
from tests.unit.decode.test_stage import media, post, run  # noqa: F401 - a fixture

SAMPLING = post_sampling(MediaSettings())


def remuxed(source: Path, target: Path) -> Path:
    """Write the packets of a file into another container, without encoding them again."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        tracks = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        out.metadata["title"] = "another title"
        for packet in given.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                out.mux(packet)
    return target


def info_of(path: Path) -> MediaInfo:
    return scanned(path, SAMPLING)


def clip(folder: Path, name: str = "a.mp4", *, first: int = 0, codec: str = "libx264") -> Path:
    frames = moving(20 + first)[first:]
    return video(folder / name, frames, sound=tone(2.0, hz=440.0 + first), codec=codec)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", "mkv"), ("libx264", "ts"), ("libx264", "mov"), ("libx265", "ts")]
)
def test_a_track_has_one_digest_in_every_container(tmp_path: Path, codec: str, suffix: str) -> None:
    original = clip(tmp_path, codec=codec)
    first, second = info_of(original), info_of(remuxed(original, tmp_path / f"b.{suffix}"))
    assert first.digest != second.digest
    assert first.picture_digests[1:] == second.picture_digests[1:] != []
    assert first.sound_digests == second.sound_digests != []


def test_other_media_have_other_digests(tmp_path: Path) -> None:
    first, second = info_of(clip(tmp_path)), info_of(clip(tmp_path, "b.mp4", first=2))
    assert set(first.picture_digests).isdisjoint(second.picture_digests)
    assert set(first.sound_digests).isdisjoint(second.sound_digests)


def still_digest(path: Path) -> bytes:
    return next(iter(segments_of(path, SAMPLING))).digest


def test_a_still_saved_again_without_a_change_of_pixels_has_its_digest(tmp_path: Path) -> None:
    picture = Image.fromarray(scene(3, width=400, height=300))
    notes = PngInfo()
    notes.add_text("Comment", "another")
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.png", pnginfo=notes, compress_level=1)
    picture.save(tmp_path / "c.webp", lossless=True)
    assert len({still_digest(tmp_path / name) for name in ("a.png", "b.png", "c.webp")}) == 1
    picture.save(tmp_path / "d.jpg", quality=90)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    with_exif = (tmp_path / "d.jpg").read_bytes()
    segment = b"\xff\xe1" + (len(exif.tobytes()) + 2).to_bytes(2) + exif.tobytes()
    (tmp_path / "e.jpg").write_bytes(with_exif[:2] + segment + with_exif[2:])
    assert still_digest(tmp_path / "d.jpg") == still_digest(tmp_path / "e.jpg") != still_digest(tmp_path / "a.png")


def test_a_tiny_file_has_no_digest(tmp_path: Path) -> None:
    plain = Image.fromarray(np.zeros((32, 32, 3), np.uint8))
    plain.save(tmp_path / "a.png")
    assert info_of(tmp_path / "a.png").picture_digests == []


async def test_the_first_record_of_each_modality_has_the_digests_of_its_medium(
    tmp_path: Path,
    media: MediaAccess,  # noqa: F811 - the fixture
) -> None:
    long = video(tmp_path / "a.mp4", moving(50), sound=tone(5.0))
    still = image(tmp_path / "b.png", scene(1, width=400, height=300))
    found, error = await run(post(long, still), media)
    assert error is None
    frames = [output.message for output in found if isinstance(output.message, Frames)]
    sounds = [output.message for output in found if isinstance(output.message, Sounds)]
    assert [len(one.digests) for one in frames] == [3, 0, 0, 3]  # with the MD5
    assert [len(one.digests) for one in sounds] == [1, 0, 0]
