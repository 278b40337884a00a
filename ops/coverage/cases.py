"""The media that are measured: container, codec, oddity, and how to make it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ops.coverage.made import animation, film, picture, tone, without_times

_KEY = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


class Case(NamedTuple):
    """One medium."""

    container: str
    codec: str
    oddity: str
    make: Callable[[Path], object]
    """Writes it to a path with the container as suffix."""


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from _plain()
    yield from _clocks()
    yield from _joined()
    yield from _stills()
    yield from _refused()


def _plain() -> Iterator[Case]:
    for container, codec, sound in (
        ("mp4", "libx264", "aac"),
        ("mp4", "libx265", "aac"),
        ("mov", "mpeg4", "aac"),
        ("mkv", "libx264", "flac"),
        ("webm", "libvpx-vp9", "libopus"),
        ("webm", "libvpx", "libopus"),
        ("ts", "mpeg2video", "mp2"),
        ("avi", "mpeg4", "libmp3lame"),
        ("mp4", "libsvtav1", "aac"),
    ):
        yield Case(container, f"{codec}, {sound}", "", partial(film, codec=codec, sound=sound))
    for container, codec in (("mp3", "libmp3lame"), ("wav", "pcm_s16le"), ("ogg", "libopus"), ("flac", "flac")):
        yield Case(container, codec, "sound alone", partial(tone, codec=codec))
    for container in ("gif", "webp", "png", "avif"):
        yield Case(container, container, "animated", animation)


def _clocks() -> Iterator[Case]:
    yield Case("ts", "mpeg2video, mp2", "no timestamps", _untimed)
    yield Case("mkv", "libx264, aac", "begins at -0.4 s", lambda path: film(path, "libx264", "aac", start_s=-0.4))
    yield Case("ts", "libx264, aac", "the clock jumps by 10 h", lambda path: _jumped(path, 36_000.0))
    yield Case("ts", "libx264, aac", "the clock restarts", lambda path: _jumped(path, 0.0))


def _joined() -> Iterator[Case]:
    for container, codec, sound in (
        ("mp4", "libx264", "aac"),
        ("mkv", "libx264", "aac"),
        ("webm", "libvpx-vp9", "libopus"),
        ("avi", "mpeg4", "libmp3lame"),
    ):
        yield Case(container, f"{codec}, {sound}", "two films in one file", partial(_twice, codec=codec, sound=sound))
    yield Case("ogg", "libopus", "chained", lambda path: path.write_bytes(2 * tone(path, "libopus")))
    yield Case("jpg", "jpeg, libx264, aac", "a film behind the photo", _live)


def _stills() -> Iterator[Case]:
    for container in ("jpg", "png", "webp", "gif", "avif", "bmp", "tif"):
        yield Case(container, container, "still", lambda path: picture(0).save(path))
    grey = np.asarray(picture(0).convert("L"))
    yield Case("png", "png", "grey of 16 bits", lambda path: Image.fromarray(grey.astype(np.uint16) * 257).save(path))
    yield Case("png", "png", "transparency", lambda path: _alpha(grey).save(path))
    yield Case("jpg", "jpeg", "CMYK", lambda path: picture(0).convert("CMYK").save(path))


def _refused() -> Iterator[Case]:
    yield Case("mp4", "libx264, aac", "encrypted", lambda path: film(path, "libx264", "aac", options=_KEY))
    yield Case("mkv", "unknown, aac", "an unassigned codec id", _unknown)
    yield Case("jxl", "JPEG XL", "still", lambda path: path.write_bytes(b"\xff\x0a" + bytes(100)))
    yield Case("m3u8", "", "a playlist", lambda path: path.write_text("#EXTM3U\n#EXTINF:4,\na.ts\n"))
    yield Case("mpd", "", "a playlist", lambda path: path.write_text('<?xml version="1.0"?>\n<MPD></MPD>\n'))


def _untimed(path: Path) -> None:
    path.write_bytes(without_times(film(path, "mpeg2video", "mp2")))


def _jumped(path: Path, by_s: float) -> None:
    path.write_bytes(film(path, "libx264", "aac") + film(path, "libx264", "aac", start_s=by_s))


def _twice(path: Path, codec: str, sound: str) -> None:
    path.write_bytes(2 * film(path, codec, sound))


def _live(path: Path) -> None:
    picture(0).save(path)
    photo = path.read_bytes()
    path.write_bytes(photo + film(path.with_suffix(".mp4"), "libx264", "aac"))


def _alpha(grey: np.ndarray) -> Image.Image:
    rgba = np.zeros((*grey.shape, 4), np.uint8)
    rgba[..., 3] = grey
    return Image.fromarray(rgba)


def _unknown(path: Path) -> None:
    path.write_bytes(film(path, "libx264", "aac").replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"))
