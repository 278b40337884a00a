"""Small benign media in every container and codec that posts have, as seeds of the fuzzer: moving shapes and a tone."""

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from ops.scheduling import kept_scheduling

_WIDTH, _HEIGHT, _N_FRAMES, _FPS, _RATE_HZ = 64, 48, 6, 6, 16_000
_CODECS = {
    "h264.mp4": ("libx264", "aac"), "hevc.mp4": ("libx265", None), "av1.mp4": ("libsvtav1", None),
    "mpeg4.mov": ("mpeg4", "pcm_s16le"), "prores.mov": ("prores_ks", None), "h264.mkv": ("libx264", "libopus"),
    "ffv1.mkv": ("ffv1", "flac"), "vp8.webm": ("libvpx", "libopus"), "vp9.webm": ("libvpx-vp9", None),
    "mpeg2.ts": ("mpeg2video", "mp2"), "h264.ts": ("libx264", "aac"), "mpeg4.avi": ("mpeg4", "libmp3lame"),
    "mjpeg.avi": ("mjpeg", None), "flv1.flv": ("flv1", "aac"), "wmv2.asf": ("wmv2", "libmp3lame"),
    "a.m4a": (None, "aac"), "a.ogg": (None, "libopus"), "a.mp3": (None, "libmp3lame"), "a.flac": (None, "flac"),
    "a.wav": (None, "pcm_s16le"), "a.aac": (None, "aac"),
}  # fmt: skip
_PIXEL_FORMATS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
_PLAYLISTS = {
    "nested.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nnested.m3u8\n",
    "local.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "inside.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://169.254.169.254/latest/\n#EXT-X-ENDLIST\n",
    "a.ffconcat": "ffconcat version 1.0\nfile /etc/passwd\nfile a.ffconcat\n",
    "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
}

type Pixels = npt.NDArray[np.uint8]


def make_seeds() -> dict[str, bytes]:
    """Return media by name; the part before the dot is the codec or kind, that after it the container."""
    os.environ.setdefault("SVT_LOG", "0")
    with tempfile.TemporaryDirectory() as name:
        made = dict(_media(Path(name)))
    made["hevc.heic"] = made["hevc.mp4"].replace(b"ftypisom", b"ftypheic", 1)  # as a phone's: HEVC in ISO boxes
    playlists = {playlist: text.encode() for playlist, text in _PLAYLISTS.items()}
    return made | dict(_images()) | playlists


def pictures(width: int = _WIDTH, height: int = _HEIGHT) -> list[Pixels]:
    """Return a few colourful frames that move."""
    y, x = np.mgrid[0:height, 0:width]
    return [np.stack([4 * (x + 5 * i), 5 * y, 3 * (x + y)], axis=-1).astype(np.uint8) for i in range(_N_FRAMES)]


def _media(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, (video, audio) in _CODECS.items():
        path = folder / name
        with kept_scheduling(), av.open(str(path), "w") as out:
            _write(out, video, audio, with_extras=path.suffix == ".mkv")
        yield name, path.read_bytes()


def _write(out: Any, video: str | None, audio: str | None, *, with_extras: bool) -> None:  # noqa: ANN401 - PyAV's own types are generic for checkers only
    if with_extras:  # an attached font, as subtitles bring them
        out.add_attachment("font.ttf", "application/x-truetype-font", bytes(range(256)) * 8)
    options = {"x265-params": "log-level=none"} if video == "libx265" else {}
    picture = out.add_stream(video, rate=_FPS, options=options) if video else None
    sound = out.add_stream(audio, 48_000 if audio == "libopus" else _RATE_HZ, layout="mono") if audio else None
    if picture is not None:
        picture.width, picture.height = _WIDTH, _HEIGHT
        picture.pix_fmt = _PIXEL_FORMATS.get(video or "", "yuv420p")
        for pixels in pictures():
            out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(picture.encode(None))
    if sound is not None:
        for frame in _tone(sound.rate):
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def _tone(rate_hz: int) -> Iterator[av.AudioFrame]:
    samples = np.rint(9_000 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)).astype(np.int16)
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield frame


def _images() -> Iterator[tuple[str, bytes]]:
    first, *others = [Image.fromarray(each) for each in pictures()]
    for name in ("a.jpeg", "a.png", "a.webp", "a.avif", "a.gif"):
        yield name, _encoded(first, name)
    for name in ("anim.gif", "anim.png", "anim.webp"):
        yield name, _encoded(first, name, save_all=True, append_images=others, duration=100)


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, name.rpartition(".")[2], **options)
    return buffer.getvalue()
