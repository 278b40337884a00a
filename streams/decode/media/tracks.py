"""Streams of a media file, opened with FFmpeg's strictest options. Runs in the sandbox."""

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction

import av
import av.error
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.rational import AVRational
from av.stream import Discard, Stream
from av.video.frame import VideoFrame

from streams.decode.media.decoded import Part
from streams.decode.media.parts import Window
from streams.errors import UnprocessableError

# Only the formats of posts. Above all no hls, dash or concat: those formats make FFmpeg open other files.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,asf,ogg,wav,mp3,aac,flac,amr,aiff,caf,"
    "gif,apng,webp,webp_anim,webp_pipe,png_pipe,jpeg_pipe,mjpeg,ivf"
)
_WINDOW_BUFFER_BYTES = 1 << 18
_UNDECODED = {"skip_frame": "all"}
"""Option of the decoders that FFmpeg opens to describe a container's streams; those of the tracks do not have it."""


type AnyPacket = Packet[Stream]  # a packet type is generic for type checkers only


@contextmanager
def opened(file: int, part: Part | None = None, *, undecoded: bool = False) -> Iterator[InputContainer]:
    """Yield an open container and close it on exit.

    Parameters
    ----------
    file
        Descriptor; it stays open, and no other container may share its position at the same time.
    part
        The part of the file that is the container; by default all of it.
    undecoded
        True to take what the headers of an MP4 say of its tracks; by default, and for other containers, FFmpeg decodes
        the first picture, which costs more than reading the packets of a short clip.

    Raises
    ------
    UnprocessableError
        media_unreadable, if FFmpeg cannot open it.
    """
    try:
        container = _container(file, part, _UNDECODED if undecoded and _is_mp4(file, part) else {})
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or error  # without number and descriptor
        raise UnprocessableError("media_unreadable", f"cannot be opened: {why}") from error
    with container:
        yield container


def _is_mp4(file: int, part: Part | None) -> bool:
    return os.pread(file, 8, part[0] if part else 0)[4:] == b"ftyp"


def _container(file: int, part: Part | None, described: Mapping[str, str]) -> InputContainer:
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "fd", **described}
    if part is not None and part != (0, os.fstat(file).st_size):
        window = io.BufferedReader(Window(file, part), _WINDOW_BUFFER_BYTES)
        return av.open(window, "r", options=options)
    os.lseek(file, 0, os.SEEK_SET)
    return av.open("fd:", "r", options={**options, "fd": str(file)})


def is_decodable(stream: Stream) -> bool:
    """Return whether FFmpeg has a decoder; PyAV's codec_context is None without one, which its stubs omit."""
    return bool(stream.codec_context)


def packets(container: InputContainer, *streams: Stream) -> Iterator[AnyPacket]:
    """Yield the packets of some streams until the end, or until the file cannot be read further.

    The last packet of each stream is empty: it flushes the decoder.
    """
    wanted = {stream.index for stream in streams}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in wanted else Discard.all
    try:
        yield from container.demux(*streams)
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return


def decoded[F: (AudioFrame, VideoFrame)](wanted: Iterable[AnyPacket], kind: type[F]) -> Iterator[tuple[float, F]]:
    """Yield time in seconds and frame of these packets; broken packets are skipped.

    A frame without a timestamp has that of the packet with which it came out.
    """
    for packet in wanted:
        try:
            found = packet.decode()
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):  # ValueError: the decoder could not be opened
            continue
        for frame in found:
            if isinstance(frame, kind) and (time_s := _time(frame)) is not None:
                yield time_s, frame


def seconds_of(ticks: int, time_base: Fraction | AVRational) -> float:
    """Return ticks as seconds; arithmetic with fractions takes ten times as long, and there are many packets."""
    return ticks * time_base.numerator / time_base.denominator


def _time(frame: AudioFrame | VideoFrame) -> float | None:
    ticks = frame.dts if frame.pts is None else frame.pts
    return None if ticks is None or frame.time_base is None else seconds_of(ticks, frame.time_base)
