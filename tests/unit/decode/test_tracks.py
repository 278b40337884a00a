"""All sounds, every film, no cover in their place; what cannot be decoded has a reason beside what can."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from streams.decode.decoder import post_sampling
from streams.decode.media import sound
from streams.decode.media.coverage import seconds
from streams.decode.media.decoded import DecodedSegment
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from tests.unit.decode.made import AnyPacket, image, moving, scanned, scene, segments_of, tone, video

SAMPLING = post_sampling(MediaSettings())
_KEY = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb"}


def seen(path: Path) -> tuple[list[DecodedSegment], UnprocessableError | None]:
    """Return the segments of a file, and the error after them."""
    found: list[DecodedSegment] = []
    try:
        for segment in segments_of(path, SAMPLING):
            found.append(segment)  # noqa: PERF402 - those before an error count
    except UnprocessableError as error:
        return found, error
    return found, None


def merged(path: Path, sources: Sequence[Path], dispositions: Sequence[Disposition]) -> Path:
    """Write the streams of some files into one."""
    with av.open(str(path), "w") as out:
        packets = list[AnyPacket]()
        number = 0
        for source in sources:
            container = av.open(str(source))
            streams: dict[int, Any] = {}
            for stream in container.streams:
                streams[stream.index] = out.add_stream_from_template(stream)
                streams[stream.index].disposition = dispositions[number]
                number += 1
            for packet in container.demux():
                if packet.size:
                    packet.stream = streams[packet.stream.index]
                    packets.append(packet)
        for packet in sorted(packets, key=lambda one: Fraction(one.dts or 0) * one.time_base):
            out.mux(packet)
    return path


def loudness(found: Sequence[DecodedSegment]) -> list[float]:
    return [float(np.abs(np.frombuffer(one.pcm, "<i2").astype(float)).mean()) if one.pcm else 0.0 for one in found]


def test_every_sound_is_decoded_the_default_one_first(tmp_path: Path) -> None:
    quiet = video(tmp_path / "a.mkv", sound=(tone(2.0) // 8).astype(np.int16))
    loud = video(tmp_path / "b.mkv", sound=tone(2.0))
    path = merged(tmp_path / "c.mkv", [quiet, loud], [Disposition(0), Disposition.default])
    found, error = seen(path)
    assert error is None
    assert [segment.start_s for segment in found] == [0.0, 0.0]
    first, second = loudness(found)
    assert first > 5 * second > 0


def test_every_film_is_decoded_the_default_one_first_and_not_the_larger(tmp_path: Path) -> None:
    small = video(tmp_path / "a.mp4", moving(20))
    large = video(tmp_path / "b.mp4", [scene(1, shift, 320, 192) for shift in range(10)])
    path = merged(tmp_path / "c.mp4", [large, small], [Disposition(0), Disposition.default])
    found, error = seen(path)
    info = scanned(path, SAMPLING)
    assert error is None
    assert [(lane.picture and lane.picture.width, lane.duration_s) for lane in info.lanes] == [(160, 2.0), (320, 1.0)]
    assert all(segment.frames for segment in found)


@pytest.mark.parametrize("disposition", [Disposition(0), Disposition.default, Disposition.timed_thumbnails])
def test_a_cover_is_no_film(tmp_path: Path, disposition: Disposition) -> None:
    film = video(tmp_path / "a.mp4", moving(20))
    cover = video(tmp_path / "b.mp4", [scene(3, 0, 640, 640)], codec="mjpeg", pixel_format="yuvj420p")
    found, error = seen(merged(tmp_path / "c.mp4", [cover, film], [disposition, Disposition(0)]))
    assert (len(found), error) == (1, None)
    assert found[0].duration_s == 2.0


def test_an_encrypted_track_is_a_reason_and_the_rest_is_decoded(tmp_path: Path) -> None:
    locked = video(
        tmp_path / "a.mp4", moving(20), format_options=_KEY | {"encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}
    )
    with pytest.raises(UnprocessableError) as refused:
        scanned(locked, SAMPLING)
    assert refused.value.reason == "media_encrypted"
    open_one = video(tmp_path / "b.mp4", sound=tone(2.0))
    locked.write_bytes(locked.read_bytes() + open_one.read_bytes())
    found, error = seen(locked)
    assert loudness(found)[0] > 1000
    assert error is not None
    assert "encrypted" in error.detail


def test_a_track_of_an_unknown_codec_is_a_reason_and_the_rest_is_decoded(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", moving(20), sound=tone(2.0))
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"))
    found, error = seen(path)
    assert loudness(found)[0] > 1000
    assert error is not None
    assert error.reason == "media_codec_unknown"


def test_what_was_decoded_in_full_has_full_coverage_and_no_reason(tmp_path: Path) -> None:
    (segment,), error = seen(video(tmp_path / "a.mp4", moving(100), sound=tone(10.0), fps=10))
    assert error is None
    assert segment.picture is not None
    assert segment.sound is not None
    assert (segment.picture.codec, segment.sound.codec) == ("h264", "aac")
    assert segment.picture.decoded_s == pytest.approx(segment.picture.present_s) == pytest.approx(10.0, abs=0.1)
    assert segment.sound.decoded_s == pytest.approx(segment.sound.present_s, abs=0.1) == pytest.approx(10.0, abs=0.1)


def test_silence_has_a_record_without_samples(tmp_path: Path) -> None:
    (segment,) = segments_of(video(tmp_path / "a.mkv", moving(20), sound=0 * tone(2.0)), SAMPLING)
    assert segment.pcm == b""
    assert segment.sound is not None
    assert segment.sound.decoded_s == pytest.approx(2.0, abs=0.1)


def test_a_small_file_makes_few_records_however_long_it_claims_to_be(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", [scene(1)] * 300, times_s=[50.0 * index for index in range(300)])
    n_bytes = path.stat().st_size
    found, error = seen(path)
    assert error is not None
    assert error.reason == "media_too_long"
    assert len(found) <= 16 + n_bytes // 4096 < 40


def test_a_segment_without_packets_makes_no_record(tmp_path: Path) -> None:
    times_s = [0.0, 0.1, 0.2, 200.0, 200.1]
    path = video(tmp_path / "a.mp4", moving(5), times_s=times_s, sound=tone(201.0), fps=10)
    found, _ = seen(path)
    assert [bool(segment.picture) for segment in found] == [True, False, False, True]
    assert all(segment.sound for segment in found)


@pytest.mark.parametrize("suffix", ["jpg", "avif"])
def test_the_film_of_a_moving_photo_is_decoded_after_the_photo(tmp_path: Path, suffix: str) -> None:
    photo, film = image(tmp_path / f"a.{suffix}"), video(tmp_path / "b.mp4", moving(20), sound=tone(2.0))
    photo.write_bytes(photo.read_bytes() + film.read_bytes())
    info = scanned(photo, SAMPLING)
    found, error = seen(photo)
    assert error is None
    assert [lane.is_still for lane in info.lanes] == [True, False]
    assert [segment.duration_s for segment in found] == [0.0, 2.0]
    assert loudness(found)[1] > 1000


def test_jpeg_xl_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(100))
    with pytest.raises(UnprocessableError) as refused:
        scanned(tmp_path / "a.jxl", SAMPLING)
    assert (refused.value.reason, refused.value.detail) == ("media_codec_unknown", "JPEG XL")


def test_a_photo_may_have_several_pictures(tmp_path: Path) -> None:
    first = Image.fromarray(scene(1))
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[Image.fromarray(scene(2))])
    (segment,), error = seen(tmp_path / "a.mpo")
    assert (len(segment.frames), error) == (1, None)


@pytest.mark.parametrize(
    ("format_name", "n_channels", "is_heard"), [("s16", 17, True), ("fltp", 17, False), ("s16", 4, True)]
)
def test_channels_without_names_are_mixed_and_what_cannot_be_is_missing(
    format_name: str, n_channels: int, *, is_heard: bool
) -> None:
    dtype = np.int16 if format_name == "s16" else np.float32
    frame = av.AudioFrame(format_name, f"{n_channels} channels", 1600)
    frame.sample_rate = 16_000
    for plane in frame.planes if is_heard else ():
        plane.update(np.full(plane.buffer_size // dtype().itemsize, 1000, dtype).tobytes())
    track = sound.SoundTrack([(0.0, frame)], 16_000)
    pcm = track.take(0.0, 0.1)
    assert bool(pcm.any()) is is_heard
    assert seconds(track.decoded.merged()) == pytest.approx(0.1 if is_heard else 0.0, abs=0.02)


def test_short_frames_of_sound_are_resampled_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    class Counted:
        def __init__(self, **options: Any) -> None:
            self._resampler = av.AudioResampler(**options)

        def resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
            calls.append(frame.samples if frame else 0)
            return self._resampler.resample(frame)

    monkeypatch.setattr(sound, "AudioResampler", Counted)
    wave = tone(10, 48_000)
    frames = []
    for start in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[start : start + 960][None], format="s16", layout="mono")
        frame.sample_rate = 48_000
        frames.append((start / 48_000, frame))
    pcm = sound.SoundTrack(frames, 8000).take(0.0, 10.0)
    assert sum(calls) == len(wave)
    assert len(calls) < len(frames) / 5
    assert np.corrcoef(pcm[100:-100], tone(10, 8000)[100:-100])[0, 1] > 0.999
