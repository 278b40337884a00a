"""Streams of a media file, opened with FFmpeg's strictest options. Runs in the sandbox."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import av
import av.error
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import VideoFrame

from streams.errors import UnprocessableError

# Only the formats of posts. Above all no hls, dash or concat: those formats make FFmpeg open other files.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,asf,ogg,wav,mp3,aac,flac,amr,aiff,caf,"
    "gif,apng,webp,webp_anim,webp_pipe,png_pipe,jpeg_pipe,mjpeg,ivf"
)


type AnyPacket = Packet[Stream]  # a packet type is generic for type checkers only


@contextmanager
def opened(file: int) -> Iterator[InputContainer]:
    """Yield an open container and close it on exit.

    Parameters
    ----------
    file
        Descriptor; it stays open, and no other container may share its position at the same time.

    Raises
    ------
    UnprocessableError
        media_unreadable, if FFmpeg cannot open it.
    """
    os.lseek(file, 0, os.SEEK_SET)
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "fd", "fd": str(file)}
    try:
        container = av.open("fd:", "r", options=options)
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise UnprocessableError("media_unreadable", f"cannot be opened: {error}") from error
    with container:
        yield container


def packets(container: InputContainer, *streams: Stream) -> Iterator[AnyPacket]:
    """Yield the packets of some streams until the end, or until the file cannot be read further.

    The last packet of each stream is empty: it flushes the decoder.
    """
    wanted = {stream.index for stream in streams}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in wanted else Discard.all
    source = container.demux(*streams)
    while True:
        try:
            yield next(source)
        except StopIteration:
            return
        except MemoryError:
            raise
        except av.error.FFmpegError:
            return


def frames[F: (AudioFrame, VideoFrame)](
    container: InputContainer, stream: Stream, kind: type[F]
) -> Iterator[tuple[float, F]]:
    """Yield time in seconds on the file's clock and decoded frame; broken packets are skipped."""
    return decoded(packets(container, stream), kind)


def decoded[F: (AudioFrame, VideoFrame)](wanted: Iterable[AnyPacket], kind: type[F]) -> Iterator[tuple[float, F]]:
    """Yield time in seconds on the file's clock and frame of these packets; broken packets are skipped."""
    for packet in wanted:
        try:
            found = packet.decode()
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):  # ValueError: the decoder could not be opened
            continue
        for frame in found:
            if isinstance(frame, kind) and frame.time is not None:
                yield frame.time, frame
