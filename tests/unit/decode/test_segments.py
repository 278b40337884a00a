from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from streams.decode.decoder import post_sampling, reference_sampling
from streams.decode.media.decoded import DecodedSegment, Sampling
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from tests.unit.decode.made import AnyPacket, Pixels, image, moving, scene, segments_of, tone, video, with_bytes

RATE_HZ = 8000
EACH_SECOND = {"frames_per_second": 1, "longest_gap_s": 0, "few_frames": 1}


def decoded(path: Path, **changes: float) -> list[DecodedSegment]:
    return sampled(path, post_sampling(MediaSettings.model_validate(EACH_SECOND | changes)))


def sampled(path: Path, sampling: Sampling) -> list[DecodedSegment]:
    return list(segments_of(path, sampling))


def times(segment: DecodedSegment) -> list[float]:
    return [round(frame.time_s, 2) for frame in segment.frames]


def pixels(jpeg: bytes) -> npt.NDArray[np.int16]:
    return np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")).astype(np.int16)


def pcm(segment: DecodedSegment) -> npt.NDArray[np.int16]:
    """Return the segment's own samples, without its lead."""
    return np.frombuffer(segment.pcm, "<i2")[round(segment.lead_s * RATE_HZ) :]


def is_similar(jpeg: bytes, expected: Pixels, tolerance: float = 12.0) -> bool:
    found = pixels(jpeg)
    return found.shape == expected.shape and float(np.abs(found - expected).mean()) < tolerance


def test_a_moving_picture_is_sampled_once_a_second(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.mp4", moving(50)))
    assert times(segment) == [0, 1, 2, 3, 4]


def test_the_frame_after_a_shot_change_is_sampled_between_ticks(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.mp4", moving(50, shot_frames=24)))
    assert any(2.4 <= time <= 2.6 for time in times(segment))


def test_a_still_picture_is_sampled_once_a_segment(tmp_path: Path) -> None:
    found = decoded(video(tmp_path / "a.mp4", [scene(1)] * 50), segment_s=2)
    assert [times(segment) for segment in found] == [[0], [2], [4]]


def test_a_small_change_in_a_still_picture_is_sampled(tmp_path: Path) -> None:
    changed = scene(1)
    changed[80:90, 20:60] = 255
    (segment,) = decoded(video(tmp_path / "a.mp4", [scene(1)] * 25 + [changed] * 25))
    assert times(segment) == [0, 3]


def test_flashing_does_not_use_up_the_cap_before_later_seconds(tmp_path: Path) -> None:
    flashes = [scene(index) for index in range(100)]
    (segment,) = decoded(video(tmp_path / "a.mp4", flashes + moving(100)), max_frames=30, segment_s=20)
    assert len(segment.frames) <= 30
    assert max(times(segment)) == 19


def test_key_frames_of_a_long_video_are_sampled(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(300), options={"g": "30", "sc_threshold": "0"})
    (segment,) = sampled(path, post_sampling(MediaSettings()))
    assert times(segment)[:9] == [0, 3, 6, 9, 12, 15, 18, 21, 24]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx-vp9"])
def test_frames_between_distant_key_frames_are_sampled(tmp_path: Path, codec: str) -> None:
    path = video(tmp_path / "a.mkv", moving(300), codec=codec, options={"g": "250"}, fps=25)
    (segment,) = sampled(path, post_sampling(MediaSettings(longest_gap_s=4, few_frames=1)))
    assert np.diff([0, *times(segment), 12]).max() <= 4.2


def test_a_short_video_still_has_a_few_frames(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(75), options={"g": "250"}, fps=25)
    (segment,) = sampled(path, post_sampling(MediaSettings()))
    assert len(segment.frames) >= 5


def test_few_frames_of_a_video_of_only_key_frames_are_decoded(tmp_path: Path) -> None:
    flashes = [scene(index) for index in range(300)]
    path = video(tmp_path / "a.avi", flashes, codec="mjpeg", pixel_format="yuvj420p", fps=25)
    (segment,) = sampled(path, post_sampling(MediaSettings()))
    assert 6 <= len(segment.frames) <= 30


def test_a_reference_is_sampled_each_second(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(200), options={"g": "250"})
    (segment,) = sampled(path, reference_sampling(MediaSettings()))
    assert times(segment) == list(range(20))


def test_frames_are_small_jpeg(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.mp4", [scene(1, width=1280, height=720)] * 3))
    assert pixels(segment.frames[0].jpeg).shape == (320, 569, 3)


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.mp4", moving(3)))
    assert is_similar(segment.frames[0].jpeg, scene(0))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    upright = scene(3)
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    (segment,) = decoded(video(tmp_path / "a.mp4", [stored] * 3, rotation=rotation))
    assert is_similar(segment.frames[0].jpeg, upright)


def test_a_photo_is_turned_upright_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(scene(3), 1))
    (segment,) = decoded(image(tmp_path / "a.jpg", turned, exif=exif, quality=95))
    assert is_similar(segment.frames[0].jpeg, scene(3))


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        ("mp4", "libx264", "yuv444p10le"),
        ("mp4", "libx264", "yuv420p10le"),
        ("mkv", "ffv1", "gray"),
        ("mkv", "ffv1", "gray16le"),
        ("mkv", "ffv1", "bgra"),
        ("mkv", "ffv1", "gbrp12le"),
        ("mov", "qtrle", "argb"),
        ("mkv", "mjpeg", "yuvj420p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("webm", "libvpx-vp9", "yuva420p"),
        ("gif", "gif", "rgb8"),
        ("avi", "mpeg4", "yuv420p"),
        ("flv", "flv1", "yuv420p"),
        ("ts", "mpeg2video", "yuv420p"),
    ],
)
def test_all_pixel_formats_are_decoded_alike(tmp_path: Path, suffix: str, codec: str, pixel_format: str) -> None:
    path, expected = tmp_path / f"a.{suffix}", scene(2)
    (segment,) = decoded(video(path, [expected] * 10, codec=codec, pixel_format=pixel_format, fps=25))
    if pixel_format.startswith("gray"):
        expected = np.asarray(Image.fromarray(expected).convert("L").convert("RGB"))
    assert is_similar(segment.frames[0].jpeg, expected, tolerance=25.0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_image_is_decoded(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(scene(2)).convert(mode if mode != "I;16" else "L").convert(mode).save(path)
    (segment,) = decoded(path)
    assert (segment.start_s, segment.duration_s, len(segment.frames), len(segment.thumbnails)) == (0, 0, 1, 1)


def test_a_variable_frame_rate_is_sampled_by_time(tmp_path: Path) -> None:
    times_s = [0.0, 0.1, 0.2, 1.5, 1.6, 4.0, 4.05, 4.1, 5.2]
    (segment,) = decoded(video(tmp_path / "a.mp4", moving(len(times_s)), times_s=times_s))
    assert times(segment) == [0.0, 1.5, 4.0, 5.2]


def test_segments_have_exact_bounds(tmp_path: Path) -> None:
    found = decoded(video(tmp_path / "a.mp4", moving(50), sound=tone(5)), segment_s=2)
    assert [(s.start_s, s.duration_s, len(pcm(s)) / RATE_HZ) for s in found] == [(0, 2, 2), (2, 2, 2), (4, 1, 1)]
    assert [times(segment) for segment in found] == [[0, 1], [2, 3], [4]]


def test_sound_does_not_depend_on_segment_bounds(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", sound=tone(5), rate_hz=44_100)
    whole = pcm(decoded(path)[0])
    pieces = np.concatenate([pcm(segment) for segment in decoded(path, segment_s=0.7)])
    assert np.array_equal(whole, pieces)


def test_a_segment_begins_with_the_end_of_the_sound_before_it(tmp_path: Path) -> None:
    found = decoded(video(tmp_path / "a.mp4", sound=tone(9)), segment_s=3)
    assert [segment.lead_s for segment in found] == pytest.approx([0.0, 2.4, 2.4])
    for before, after in pairwise(found):
        n_lead = round(after.lead_s * RATE_HZ)
        assert np.array_equal(np.frombuffer(after.pcm, "<i2")[:n_lead], pcm(before)[-n_lead:])


def test_the_lead_is_no_longer_than_the_segment_before(tmp_path: Path) -> None:
    found = decoded(video(tmp_path / "a.mp4", sound=tone(3)), segment_s=1)
    assert [segment.lead_s for segment in found] == pytest.approx([0.0, 1.0, 1.0])


def test_sound_is_resampled_faithfully(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.wav", sound=tone(2, 44_100), rate_hz=44_100))
    middle = pcm(segment)[1000:-1000].astype(float)
    expected = tone(2, RATE_HZ)[1000:-1000].astype(float)
    assert np.corrcoef(middle, expected)[0, 1] > 0.999


def test_sound_that_starts_late_is_padded_with_silence(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.mkv", moving(50), sound=tone(2), sound_start_s=3))
    loud = np.abs(pcm(segment)) > 1000
    assert not loud[: round(2.9 * RATE_HZ)].any()
    assert loud[round(3.1 * RATE_HZ) : round(4.9 * RATE_HZ)].mean() > 0.8


def test_a_gap_in_the_sound_is_silence(tmp_path: Path) -> None:
    def gap(number: int, packet: AnyPacket) -> AnyPacket | None:
        return None if 20 <= number < 40 else packet

    (segment,) = decoded(video(tmp_path / "a.mkv", sound=tone(5), change_sound=gap))
    loud = np.abs(pcm(segment)) > 1000
    assert loud[: round(1.2 * RATE_HZ)].mean() > 0.8
    assert not loud[round(1.5 * RATE_HZ) : round(2.4 * RATE_HZ)].any()
    assert loud[round(2.7 * RATE_HZ) :].mean() > 0.8


def test_a_medium_without_sound_has_no_pcm(tmp_path: Path) -> None:
    assert decoded(video(tmp_path / "a.mp4", moving(5)))[0].pcm == b""


def test_sound_alone_has_no_frames(tmp_path: Path) -> None:
    (segment,) = decoded(video(tmp_path / "a.wav", sound=tone(2)))
    assert (segment.frames, segment.thumbnails, len(segment.pcm)) == ([], [], 2 * 2 * RATE_HZ)


def test_corrupt_packets_are_skipped(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = video(tmp_path / "a.mkv", moving(200), sound=tone(20), options={"g": "10"})
    content = bytearray(path.read_bytes())
    for at in rng.integers(len(content) // 3, len(content) // 2, 200):
        content[at] = rng.integers(256)
    path.write_bytes(content)
    found = decoded(path, segment_s=5)
    assert found[0].frames
    assert found[-1].frames


def test_a_file_cut_off_after_its_index_is_decoded_as_far_as_it_goes(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(100), format_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert decoded(path)[0].frames


def test_a_medium_beyond_the_longest_duration_fails_after_its_segments(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(500), fps=1)
    sampling = post_sampling(MediaSettings(max_duration_s=100))
    source = segments_of(path, sampling)
    assert [(segment.start_s, segment.duration_s) for segment in (next(source), next(source))] == [(0, 60), (60, 40)]
    with pytest.raises(UnprocessableError) as refused:
        next(source)
    assert refused.value.reason == "media_too_long"


def test_a_video_with_only_broken_frames_is_unreadable_after_its_segments(tmp_path: Path) -> None:
    def broken(_: int, packet: AnyPacket) -> AnyPacket:
        return with_bytes(packet, b"\xff" * packet.size)

    path = video(tmp_path / "a.avi", moving(20), codec="png", pixel_format="rgb24", change_picture=broken)
    sampling = post_sampling(MediaSettings())
    with pytest.raises(UnprocessableError) as refused:
        list(segments_of(path, sampling))
    assert refused.value.reason == "media_unreadable"


def test_a_truncated_image_is_decoded_as_far_as_it_goes(tmp_path: Path) -> None:
    path = image(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (segment,) = decoded(path)
    assert len(segment.frames) == 1


def test_a_broken_image_is_unreadable(tmp_path: Path) -> None:
    path = image(tmp_path / "a.avif")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    content[40:60] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(UnprocessableError) as refused:
        decoded(path)
    assert refused.value.reason == "media_unreadable"


def test_thumbnails_are_few_small_and_blurred(tmp_path: Path) -> None:
    checks = (np.indices((720, 1280)).sum(axis=0) // 60 % 2 * 255).astype(np.uint8)
    frames = [np.roll(np.repeat(checks[..., None], 3, axis=2), 7 * i, axis=1) for i in range(20)]
    (segment,) = decoded(video(tmp_path / "a.mp4", frames, fps=1))
    assert len(segment.thumbnails) == 12
    for thumbnail in segment.thumbnails:
        shown = pixels(thumbnail.jpeg)
        assert shown.shape[1] == 64
        assert shown.std() < 10  # the frame's own is 127
        assert len(thumbnail.jpeg) < 1500
