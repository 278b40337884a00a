"""Small media of every kind with one oddity each, made with PyAV and Pillow."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

SECONDS, _FPS, _RATE_HZ = 4, 25, 48_000
_SIZE = (160, 96)
_PACKET_BYTES = 188

type Pictures = Iterable[Image.Image]


def picture(number: int) -> Image.Image:
    """Return a colourful picture that depends on its number."""
    tiny = np.random.default_rng(number // _FPS).integers(0, 255, (6, 10, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(tiny).resize(_SIZE, Image.Resampling.BICUBIC))
    return Image.fromarray(np.roll(large, number, axis=1))


def film(
    path: Path, codec: str, sound: str | None = None, *, start_s: float = 0.0, options: dict[str, str] | None = None
) -> bytes:
    """Write 4 s of film with a cut each second, and a tone if there is a codec for it; return the file."""
    with av.open(str(path), "w", options=options or {}) as out:
        stream: Any = out.add_stream(codec, rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        track: Any = out.add_stream(sound, _RATE_HZ, layout="mono") if sound else None
        for number in range(SECONDS * _FPS):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture(number)), format="rgb24")
            frame.pts, frame.time_base = number + round(start_s * _FPS), Fraction(1, _FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if track is not None:
            _write_tone(out, track, start_s)
    return path.read_bytes()


def tone(path: Path, codec: str, layout: str = "mono") -> bytes:
    """Write 4 s of a tone; return the file."""
    with av.open(str(path), "w") as out:
        _write_tone(out, out.add_stream(codec, _RATE_HZ, layout=layout), 0.0)
    return path.read_bytes()


def _write_tone(out: Any, track: Any, start_s: float) -> None:  # noqa: ANN401 - generic for type checkers only
    samples = np.rint(12_000 * np.sin(np.arange(SECONDS * _RATE_HZ) * (2 * np.pi * 440 / _RATE_HZ))).astype(np.int16)
    for at in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[at : at + 960][None], format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = _RATE_HZ, at + round(start_s * _RATE_HZ), Fraction(1, _RATE_HZ)
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def without_times(content: bytes) -> bytes:
    """Return a transport stream without timestamps."""
    changed = bytearray(content)
    for at in range(0, len(changed), _PACKET_BYTES):
        header = at + 4 + (1 + changed[at + 4] if changed[at + 3] & 0x20 else 0)
        if changed[at + 1] & 0x40 and changed[header : header + 3] == b"\0\0\1":
            changed[header + 7] &= 0x3F
    return bytes(changed)


def animation(path: Path) -> None:
    """Write an animated picture, in the format of the suffix."""
    first, *others = [picture(25 * number) for number in range(SECONDS)]
    first.save(path, save_all=True, append_images=others, duration=1000)
