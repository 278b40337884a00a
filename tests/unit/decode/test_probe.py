from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streams.decode.decoder import post_sampling
from streams.decode.media.cutting import cut
from streams.decode.media.decoded import Lane, MediaInfo, Sampling, Track
from streams.decode.media.tracks import opened
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from tests.unit.decode.made import HEIGHT, WIDTH, image, moving, scanned, scene, tone, video

SAMPLING = post_sampling(MediaSettings())
SUBTITLE = r"{\i1}지우야{\i0}\N안녕, <b>하세요</b>"


def refusal(path: Path, sampling: Sampling = SAMPLING) -> str:
    with pytest.raises(UnprocessableError) as refused:
        scanned(path, sampling)
    return refused.value.reason


def test_a_video_with_sound_has_its_exact_duration(tmp_path: Path) -> None:
    info = scanned(video(tmp_path / "a.mp4", moving(50), sound=tone(4.0)), SAMPLING)
    assert (info.kind, info.has_picture, info.has_sound) == ("video", True, True)
    assert (info.width, info.height, info.duration_s) == (WIDTH, HEIGHT, 5.0)


def test_the_duration_comes_from_packets_not_from_the_header(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", moving(50))
    content = bytearray(path.read_bytes())
    at = content.index(b"\x44\x89\x88")  # Matroska's Duration, a big-endian double of milliseconds
    content[at + 3 : at + 11] = np.float64(9e9).astype(">f8").tobytes()
    path.write_bytes(content)
    assert scanned(path, SAMPLING).duration_s == pytest.approx(5.0, abs=0.11)


def test_sound_alone_is_a_medium(tmp_path: Path) -> None:
    info = scanned(video(tmp_path / "a.mp3", sound=tone(2.0)), SAMPLING)
    assert (info.kind, info.has_picture, info.has_sound) == ("audio", False, True)
    assert info.duration_s == pytest.approx(2.0, abs=0.1)


def test_picture_alone_is_a_medium(tmp_path: Path) -> None:
    info = scanned(video(tmp_path / "a.mp4", moving(10)), SAMPLING)
    assert (info.kind, info.has_picture, info.has_sound) == ("video", True, False)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "avif", "bmp", "tif"])
def test_a_still_image_is_an_image(tmp_path: Path, suffix: str) -> None:
    info = scanned(image(tmp_path / f"a.{suffix}"), SAMPLING)
    assert (info.kind, info.duration_s, info.width, info.height) == ("image", 0.0, WIDTH, HEIGHT)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_an_animated_image_is_a_video(tmp_path: Path, suffix: str) -> None:
    first, *others = [Image.fromarray(pixels) for pixels in moving(4)]
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=others, duration=500)
    info = scanned(tmp_path / f"a.{suffix}", SAMPLING)
    assert info.kind == "video"
    assert info.duration_s == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_video_has_its_upright_size(tmp_path: Path, rotation: int) -> None:
    info = scanned(video(tmp_path / "a.mp4", moving(5), rotation=rotation), SAMPLING)
    assert [lane.picture and lane.picture.rotation for lane in info.lanes] == [rotation]
    assert (info.width, info.height) == ((WIDTH, HEIGHT) if rotation == 180 else (HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("codec", "suffix"), [("mov_text", "mp4"), ("subrip", "mkv"), ("ass", "mkv"), ("webvtt", "mkv")]
)
def test_subtitles_are_plain_text_with_times(tmp_path: Path, codec: str, suffix: str) -> None:
    info = scanned(video(tmp_path / f"a.{suffix}", moving(30), subtitles=[(codec, 1.5, SUBTITLE)]), SAMPLING)
    (text,) = info.subtitles
    assert (text.source, text.text, text.time_s) == ("subtitle", "지우야 안녕, 하세요", 1.5)


def test_the_clock_starts_where_the_file_does(tmp_path: Path) -> None:
    path = video(tmp_path / "a.ts", moving(20), times_s=[30 + i / 10 for i in range(20)])
    assert scanned(path, SAMPLING).duration_s == pytest.approx(2.0, abs=0.11)


@pytest.mark.parametrize("content", [b"", b"not media\n" * 100, b"<html>"])
def test_a_file_of_another_kind_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert refusal(tmp_path / "a") == "media_unreadable"


@pytest.mark.parametrize(
    "content", [b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash"/>\n']
)
def test_a_playlist_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert refusal(tmp_path / "a") == "media_playlist"


def test_a_file_cut_off_before_its_index_is_unreadable(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path) == "media_unreadable"


def test_a_file_cut_off_after_its_index_is_scanned_as_far_as_it_goes(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(100), format_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < scanned(path, SAMPLING).duration_s <= 10.0


def test_a_container_whose_only_codec_is_unknown_is_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", moving(5), subtitles=[("subrip", 0.1, "a")])
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"))
    assert refusal(path) == "media_codec_unknown"


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png") == "image_too_large"


def test_a_huge_video_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    small = post_sampling(MediaSettings(max_pixels=WIDTH * HEIGHT - 1))
    assert refusal(video(tmp_path / "a.mp4", moving(3)), small) == "image_too_large"


def test_a_long_medium_is_scanned_up_to_the_cap(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", [scene(1)] * 500, fps=1)
    info = scanned(path, post_sampling(MediaSettings(max_duration_s=100)))
    assert (info.duration_s, info.too_long) == (100.0, True)


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.0, [(0.0, 0.0)]),
        (59.9, [(0.0, 59.9)]),
        (60.0, [(0.0, 60.0)]),
        (60.05, [(0.0, 60.0)]),
        (61.5, [(0.0, 60.0), (60.0, 1.5)]),
        (120.0, [(0.0, 60.0), (60.0, 60.0)]),
    ],
)
def test_a_duration_is_cut_into_segments(duration_s: float, expected: list[tuple[float, float]]) -> None:
    lane = Lane(duration_s=duration_s, sound=Track(stream=0, codec="aac", stretches=[(0.0, duration_s)]))
    spans = cut(MediaInfo(kind="audio", duration_s=duration_s, lanes=[lane]), 60.0)
    assert [(span.start_s, span.duration_s) for span in spans] == expected


def test_an_mp4_may_be_opened_without_decoding_its_first_picture(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(25), sound=tone(1.0))
    formats = []
    for undecoded in (False, True):
        with path.open("rb", buffering=0) as file, opened(file.fileno(), undecoded=undecoded) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (WIDTH, HEIGHT)
            formats.append(stream.codec_context.pix_fmt)
    assert formats == ["yuv420p", None]
