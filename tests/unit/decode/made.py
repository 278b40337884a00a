"""Small real media for tests, made with PyAV and Pillow."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from av.video.stream import VideoStream
from PIL import Image

from ops.scheduling import kept_scheduling
from streams.decode.media.decoded import DecodedSegment, MediaInfo, Sampling
from streams.decode.media.probe import scan
from streams.decode.media.segments import segments

Pixels = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 160, 96
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Default,Arial,16,&Hffffff,0,0,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

_SOUND_CODECS = {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".webm": "libopus"}
_FIXED_RATE_CODECS = ("mpeg4", "flv1", "mpeg2video")
"""Codecs with fixed time bases in their standards."""

type AnyPacket = Any  # generic for type checkers only, and of every kind of stream here
type Change = Callable[[int, AnyPacket], AnyPacket | None]
"""Function from packet number and packet to the packet written instead; None drops it."""


def _same(_: int, packet: AnyPacket) -> AnyPacket:
    return packet


def scene(seed: int, shift: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Return a colourful picture that depends on the seed and is shifted sideways."""
    tiny = np.random.default_rng(seed).integers(0, 255, (6, 10, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(tiny).resize((width, height), Image.Resampling.BICUBIC))
    return np.roll(large, shift, axis=1)


def moving(n_frames: int, shot_frames: int = 10_000) -> list[Pixels]:
    """Return frames that move all the time, with a new shot every shot_frames."""
    return [scene(index // shot_frames, 2 * index) for index in range(n_frames)]


def tone(duration_s: float, rate_hz: int = 16_000, hz: float = 440.0) -> npt.NDArray[np.int16]:
    """Return a loud tone."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.rint(12_000 * np.sin(2 * np.pi * hz * times_s)).astype(np.int16)


def video(
    path: Path,
    frames: Iterable[Pixels] = (),
    *,
    fps: int = 10,
    times_s: Sequence[float] | None = None,
    sound: npt.NDArray[np.int16] | None = None,
    sound_start_s: float = 0.0,
    rate_hz: int = 16_000,
    sound_codec: str = "",
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: int = 0,
    options: dict[str, str] | None = None,
    format_options: dict[str, str] | None = None,
    change_picture: Change = _same,
    change_sound: Change = _same,
    subtitles: Sequence[tuple[str, float, str]] = (),
) -> Path:
    """Write a media file; the suffix selects its container. subtitles: codec, time, text."""
    pictures = list(frames)
    with kept_scheduling(), av.open(str(path), "w", options=format_options or {}) as out:
        picture = None
        if pictures:
            picture = _picture_stream(out, codec, pictures[0], fps=fps, pixel_format=pixel_format, options=options)
        if picture is not None and rotation:
            picture.set_display_rotation(rotation)
        sound_codec = sound_codec or _SOUND_CODECS.get(path.suffix, "aac")
        track = None if sound is None else out.add_stream(sound_codec, rate_hz, layout="mono")
        tracks = [(_subtitle_stream(out, name), time_s, text) for name, time_s, text in subtitles]
        if picture is not None:
            shown_s = times_s or [index / fps for index in range(len(pictures))]
            _mux(out, _encoded(picture, map(_video_frame, pictures, shown_s)), change_picture)
        if track is not None and sound is not None:
            _mux(out, _encoded(track, _audio_frames(sound, rate_hz, sound_start_s)), change_sound)
        for stream, time_s, text in tracks:
            event = f"0,0,Default,,0,0,0,,{text}".encode()
            packet = stream.codec_context.encode_subtitle(SubtitleSet.create(event, 0, 1000, round(time_s * 1e6)))
            packet.stream, packet.duration, packet.time_base = stream, 1000, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * time_s)
            out.mux(packet)
    return path


def with_bytes(packet: AnyPacket, content: bytes) -> AnyPacket:
    """Return a packet like this one with other content."""
    changed = av.Packet(content)
    changed.stream, changed.time_base = packet.stream, packet.time_base
    changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
    changed.is_keyframe = packet.is_keyframe
    return changed


def _picture_stream(
    out: OutputContainer, codec: str, first: Pixels, *, fps: int, pixel_format: str, options: dict[str, str] | None
) -> VideoStream:
    stream = out.add_stream(codec, rate=fps, options=options or {})
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = pixel_format
    if codec not in _FIXED_RATE_CODECS:
        stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _video_frame(pixels: Pixels, time_s: float) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.time_base, frame.pts = Fraction(1, 1000), round(1000 * time_s)
    return frame


def _audio_frames(sound: npt.NDArray[np.int16], rate_hz: int, start_s: float) -> Iterator[av.AudioFrame]:
    for start in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[start : start + 1024][None], format="s16", layout="mono")
        frame.rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
        frame.pts = start + round(start_s * rate_hz)
        yield frame


def _encoded(stream: Any, frames: Iterable[Any]) -> Iterator[AnyPacket]:
    for frame in frames:
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _mux(out: OutputContainer, packets: Iterable[AnyPacket], change: Change) -> None:
    for number, packet in enumerate(packets):
        changed = change(number, packet)
        if changed is not None:
            out.mux(changed)


def _subtitle_stream(out: OutputContainer, codec: str) -> SubtitleStream:
    stream = out.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = _ASS_HEADER
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    return stream


@contextmanager
def open_files(path: Path) -> Iterator[list[int]]:
    """Yield two descriptors of a file, as a child of the sandbox gets them."""
    with path.open("rb") as first, path.open("rb") as second:
        yield [first.fileno(), second.fileno()]


def scanned(path: Path, sampling: Sampling) -> MediaInfo:
    """Return what a scan finds in a file."""
    with open_files(path) as files:
        return scan(files[0], sampling)


def segments_of(path: Path, sampling: Sampling) -> Iterator[DecodedSegment]:
    """Yield the segments of a file that is scanned first."""
    with open_files(path) as files:
        yield from segments(files, scan(files[0], sampling), sampling)


def image(path: Path, pixels: Pixels | None = None, **options: Any) -> Path:
    """Write a still image."""
    Image.fromarray(scene(1) if pixels is None else pixels).save(path, **options)
    return path
