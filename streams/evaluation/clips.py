"""Short video clips: pictures at a fixed rate and mono sound, read from and written to files.

The sound of a clip is held in memory; its pictures are streamed. The stages decode media in streams.decode.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream
from PIL import Image

FPS = 24
"""Pictures per second of every clip."""
RATE_HZ = 48_000
"""Samples per second of every clip; a whole number for each picture."""
SAMPLES_PER_PICTURE = RATE_HZ // FPS

Picture = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3), values 0-255."""
Pcm = npt.NDArray[np.int16]
"""Mono samples at RATE_HZ, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures and sound that start together; either may be empty."""

    pictures: Iterator[Picture]
    """At FPS; an iterator that is consumed once."""
    pcm: Pcm
    shown: tuple[float, float] | None = None
    """Interval in which the source is shown or audible, seconds; None for the whole clip."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Encoder settings: H.264 and AAC or MP3 in MP4."""

    crf: int = 26
    """H.264 constant rate factor: 18 looks like the source, 40 is badly degraded."""
    preset: str = "veryfast"
    audio_bps: int = 64_000
    audio_codec: Literal["aac", "libmp3lame"] = "aac"
    gop: int | None = None
    """Pictures between key frames, with none at cuts; None also puts one at each cut."""


def read_clip(path: Path, start_s: float = 0.0, end_s: float = float("inf"), height: int | None = None) -> Clip:
    """Return an interval of a video, image or sound file; pictures are decoded as they are read.

    Parameters
    ----------
    height
        Height of the pictures in pixels, with an even width of the same aspect ratio; by default the file's size.

    Raises
    ------
    av.error.FFmpegError
        The file cannot be opened or decoded.
    """
    return Clip(_read_pictures(path, start_s, end_s, height), _read_pcm(path, start_s, end_s))


def write_clip(clip: Clip, path: Path, encoding: Encoding) -> int:
    """Write a clip as MP4, or its first picture alone if the name ends in .jpg; return the number of pictures.

    Raises
    ------
    ValueError
        The name ends in .jpg and the clip has no pictures.
    """
    first = next(clip.pictures, None)
    if path.suffix == ".jpg":
        if first is None:
            raise ValueError("a still needs a picture")
        Image.fromarray(first).save(path, quality=85)
        return 1
    n_pictures = 0
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        audio = _add_audio(container, encoding) if clip.pcm.size else None
        if first is not None:
            video = _add_video(container, first, encoding)
            for n_pictures, picture in enumerate(chain([first], clip.pictures), start=1):
                _encode_picture(container, video, picture, n_pictures - 1)
                # Sound is written picture by picture, so the file is interleaved without holding it in memory.
                _encode_pcm(container, audio, clip.pcm, n_pictures - 1, n_pictures)
            container.mux(video.encode(None))
        _encode_pcm(container, audio, clip.pcm, n_pictures, None)
        if audio is not None:
            container.mux(audio.encode(None))
    return n_pictures


def duration_s(path: Path) -> float:
    """Return the duration of a file, seconds, 0 if it has none.

    Raises
    ------
    av.error.FFmpegError
        The file cannot be opened.
    """
    with av.open(path) as container:
        return (container.duration or 0) / av.time_base


def _read_pictures(path: Path, start_s: float, end_s: float, height: int | None) -> Iterator[Picture]:
    """Yield the picture shown at each tick of FPS from ``start_s`` to before ``end_s``."""
    with av.open(path) as container:
        if not container.streams.video:
            return
        _seek(container, start_s)
        n_yielded = 0
        for frame in container.decode(video=0):
            time_s = (frame.time or 0.0) - start_s
            if time_s >= end_s - start_s:
                return
            # A tolerance of half a tick keeps each picture of a source at FPS exactly once.
            if time_s < 0 or n_yielded > time_s * FPS + 0.5:
                continue
            width = height and round(frame.width * height / frame.height / 2) * 2
            picture = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
            while n_yielded <= time_s * FPS + 0.5:
                yield picture
                n_yielded += 1


def _read_pcm(path: Path, start_s: float, end_s: float) -> Pcm:
    with av.open(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.int16)
        _seek(container, start_s)
        resampler = av.AudioResampler("s16", "mono", RATE_HZ)
        chunks: list[Pcm] = []
        origin_s: float | None = None
        for frame in container.decode(audio=0):
            origin_s = (frame.time or 0.0) if origin_s is None else origin_s
            if (frame.time or 0.0) >= end_s:
                break
            chunks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    pcm = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    n_skipped = max(0, round((start_s - (origin_s or 0.0)) * RATE_HZ))
    n_wanted = pcm.size if end_s == float("inf") else round((end_s - start_s) * RATE_HZ)
    return pcm[n_skipped : n_skipped + n_wanted]


def _seek(container: InputContainer, start_s: float) -> None:
    if start_s > 0:
        container.seek(int(start_s * av.time_base))


def _add_video(container: OutputContainer, picture: Picture, encoding: Encoding) -> VideoStream:
    stream = container.add_stream("libx264", rate=FPS)
    # H.264 in 4:2:0 has no odd sizes.
    stream.height, stream.width = (side // 2 * 2 for side in picture.shape[:2])
    stream.pix_fmt = "yuv420p"
    # One thread, because copies are made in parallel and the output must not depend on the number of cores.
    stream.options = {"crf": str(encoding.crf), "preset": encoding.preset, "threads": "1"}
    if encoding.gop:
        stream.options |= {"g": str(encoding.gop), "keyint_min": str(encoding.gop), "sc_threshold": "0"}
    return stream


def _add_audio(container: OutputContainer, encoding: Encoding) -> AudioStream:
    stream = container.add_stream(encoding.audio_codec, rate=RATE_HZ, layout="mono")
    stream.bit_rate = encoding.audio_bps
    return stream


def _encode_picture(container: OutputContainer, stream: VideoStream, picture: Picture, index: int) -> None:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[: stream.height, : stream.width]), "rgb24")
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    container.mux(stream.encode(frame))


def _encode_pcm(container: OutputContainer, stream: AudioStream | None, pcm: Pcm, start: int, end: int | None) -> None:
    """Encode the sound from one picture to another, or to the end if `end` is None."""
    offset = start * SAMPLES_PER_PICTURE
    samples = pcm[offset : None if end is None else end * SAMPLES_PER_PICTURE]
    if stream is None or samples.size == 0:
        return
    frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, offset, Fraction(1, RATE_HZ)
    container.mux(stream.encode(frame))
