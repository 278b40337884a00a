"""Media whose timestamps are absent, negative, restart or jump: one continuous time of their own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streams.decode.decoder import post_sampling
from streams.decode.media.clock import _MAX_EPOCHS, Clock, retimed
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.decode.settings import MediaSettings
from tests.unit.decode.made import AnyPacket, moving, scanned, segments_of, tone, video

SAMPLING = post_sampling(MediaSettings())
RATE_HZ = 8000
_PACKET_BYTES = 188


def seen(path: Path) -> tuple[MediaInfo, list[DecodedSegment]]:
    return scanned(path, SAMPLING), list(segments_of(path, SAMPLING))


def times(found: list[DecodedSegment]) -> list[float]:
    return [frame.time_s for segment in found for frame in segment.frames]


def loud_s(found: list[DecodedSegment]) -> float:
    samples = np.frombuffer(b"".join(segment.pcm for segment in found), "<i2")
    return float((np.abs(samples) > 1000).sum()) / RATE_HZ


def film(path: Path, *, start_s: float = 0.0, codec: str = "libx264") -> Path:
    """Write 4 s with a cut each second and a tone throughout."""
    times_s = [start_s + index / 25 for index in range(100)]
    pictures = moving(100, shot_frames=25)
    return video(path, pictures, fps=25, times_s=times_s, codec=codec, sound=tone(4.0), sound_start_s=start_s)


def without_times(content: bytes, is_chosen: Callable[[int], bool]) -> bytes:
    """Return a transport stream whose chosen pictures and sounds have no timestamps."""
    changed, number = bytearray(content), 0
    for at in range(0, len(changed), _PACKET_BYTES):
        packet = changed[at : at + _PACKET_BYTES]
        begins = bool(packet[1] & 0x40)
        header = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        if begins and packet[header : header + 3] == b"\0\0\1":
            if is_chosen(number):
                changed[at + header + 7] &= 0x3F
            number += 1
    return bytes(changed)


@pytest.mark.parametrize("chosen", [lambda _: True, lambda n: n == 3, lambda n: n % 2 == 0, lambda n: n > 20])
def test_packets_without_timestamps_follow_those_before_them(tmp_path: Path, chosen: Callable[[int], bool]) -> None:
    path = film(tmp_path / "a.ts", codec="mpeg2video")  # its rate is in the pictures
    path.write_bytes(without_times(path.read_bytes(), chosen))
    info, found = seen(path)
    assert info.duration_s == pytest.approx(4.0, abs=0.4)
    assert max(times(found)) > 2.9
    assert loud_s(found) > 3.5


def test_a_film_may_begin_before_zero(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", start_s=-0.4)
    info, found = seen(path)
    assert info.duration_s == pytest.approx(4.0, abs=0.5)
    assert min(times(found)) < 0.5
    assert max(times(found)) > 2.9


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4", "flv", "avi", "webm"])
def test_films_joined_in_one_file_are_decoded_one_after_the_other(tmp_path: Path, suffix: str) -> None:
    codec = {"webm": "libvpx-vp9", "flv": "flv1"}.get(suffix, "libx264")
    frames, rate_hz = moving(40, shot_frames=10), 44_100 if suffix == "flv" else 16_000
    sound = tone(4.0, rate_hz)
    path = video(tmp_path / f"a.{suffix}", frames, sound=sound, codec=codec, rate_hz=rate_hz)
    path.write_bytes(2 * path.read_bytes())
    info, found = seen(path)
    assert info.duration_s == pytest.approx(8.0, abs=0.5)
    for start_s in (0.0, 4.0):
        assert sum(start_s <= time_s < start_s + 4.0 for time_s in times(found)) >= 3
    assert max(times(found)) > 6.4
    assert loud_s(found) == pytest.approx(8.0, abs=0.5)
    assert not info.refused


@pytest.mark.parametrize("jump_s", [36_000.0, -2.5, 100.0])
def test_a_jump_of_the_clock_is_no_time(tmp_path: Path, jump_s: float) -> None:
    first, second = film(tmp_path / "a.ts", start_s=10.0), film(tmp_path / "b.ts", start_s=14.0 + jump_s)
    path = tmp_path / "c.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    info, found = seen(path)
    assert info.duration_s == pytest.approx(8.0, abs=0.5)
    assert len(found) == 1
    assert max(times(found)) > 6.5
    assert loud_s(found) == pytest.approx(8.0, abs=0.5)


def test_picture_and_sound_stay_aligned_after_a_jump(tmp_path: Path) -> None:
    paths = [tmp_path / "a.ts", tmp_path / "b.ts"]
    for path, start_s in zip(paths, (0.0, 5000.0), strict=True):
        n_frames = 40
        video(
            path,
            moving(n_frames, shot_frames=20),
            times_s=[start_s + i / 10 for i in range(n_frames)],
            sound=tone(2.0),
            sound_start_s=start_s + 2.0,  # the sound begins with the second shot
        )
    joined = tmp_path / "c.ts"
    joined.write_bytes(paths[0].read_bytes() + paths[1].read_bytes())
    (segment,) = seen(joined)[1]
    loud = np.abs(np.frombuffer(segment.pcm, "<i2").astype(int)) > 1000
    begins_s = [
        at / RATE_HZ for at in np.flatnonzero(np.diff(loud.astype(int)) == 1) if not loud[max(0, at - 800) : at].any()
    ]
    cut_s = [frame.time_s for frame in segment.frames if 5.5 < frame.time_s < 6.6]
    assert min(abs(begin_s - 2.0) for begin_s in begins_s) < 0.25
    assert cut_s
    assert min(abs(begin_s - time_s) for begin_s in begins_s for time_s in cut_s) < 0.25


def test_a_sound_that_begins_after_minutes_of_picture_keeps_its_time(tmp_path: Path) -> None:
    path = video(
        tmp_path / "a.mp4",
        moving(100),
        fps=1,
        times_s=[float(i) for i in range(100)],
        sound=tone(2.0),
        sound_start_s=90.0,
    )
    info, found = seen(path)
    assert info.duration_s == pytest.approx(100.0, abs=1.1)
    assert found[0].pcm == b""
    assert loud_s(found) == pytest.approx(2.0, abs=0.3)


class Packets:
    """Packets of a stream of 25 pictures a second with any timestamps."""

    def __init__(self, path: Path) -> None:
        import av  # noqa: PLC0415

        self._container = av.open(str(video(path, moving(3), fps=25)))
        self._packet = next(iter(self._container.demux()))

    def at(self, time_s: float | None) -> AnyPacket:
        packet = self._packet
        packet.pts = packet.dts = None if time_s is None else round(time_s / packet.time_base)
        packet.duration = round(0.04 / packet.time_base)
        return packet


def test_the_clock_never_runs_away_whatever_the_timestamps_are(tmp_path: Path) -> None:
    packets = Packets(tmp_path / "a.mp4")
    rng = np.random.default_rng(7)
    for _ in range(20):
        clock = Clock(0.0, None)
        for _ in range(200):
            time_s = None if rng.random() < 0.2 else float(rng.choice([-1e5, 0.0, 1.0, 1e4, 1e6]) + rng.random())
            clock.place(packets.at(time_s))
        assert clock.end_s <= 200 * 60.1


def test_the_epochs_of_a_stream_are_bounded(tmp_path: Path) -> None:
    packets, clock = Packets(tmp_path / "a.mp4"), Clock(0.0, 0.0)
    for number in range(3 * _MAX_EPOCHS):
        clock.place(packets.at(float(number % 2) * 1000.0))
    assert len(clock.epochs(0)) <= _MAX_EPOCHS


def test_decoding_repeats_the_times_of_the_scan(tmp_path: Path) -> None:
    packets, clock = Packets(tmp_path / "a.mp4"), Clock(0.0, 3.0)
    given = [3.0, 3.04, None, 3.12, 9000.0, 9000.04, None, 1.0, 1.04]
    scanned_s = [clock.place(packets.at(time_s))[0] for time_s in given]
    again = retimed((packets.at(time_s) for time_s in given), clock.epochs(0), 0.0)
    assert [float((packet.dts or 0) * packet.time_base) for packet in again] == pytest.approx(scanned_s, abs=0.001)
    assert np.diff(scanned_s) == pytest.approx(0.04, abs=0.005)
