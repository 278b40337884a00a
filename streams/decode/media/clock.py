"""One continuous clock of a medium, whatever the timestamps of its packets are. Runs in the sandbox.

Timestamps may be absent, start anywhere, and restart or jump where recordings were joined. The scan reads all packets
in the file's order and places them on the medium's clock: where a stream's timestamps jump, an epoch begins, whose
offset makes it follow what came before. Streams that jump together share the offset, so picture and sound stay
aligned. Decoding reads each stream by itself and repeats the epochs that the scan has found.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from streams.decode.media.decoded import Epoch
from streams.decode.media.tracks import AnyPacket, is_decodable, seconds_of

_LONGEST_GAP_S = 60.0
"""Longest time without any packet that counts as part of the medium; players skip longer ones."""
_BACK_S = 1.0
"""Least step back that counts as a restart; below it, packets are merely out of order."""
_REORDERED_FRAMES = 16
"""Most frames by which times step back for the order of decoding."""
_NEAR_S = 10.0
"""Largest distance at which a stream follows another one into its epoch."""
_MAX_EPOCHS = 1000
"""Epochs of one stream; what follows in a file with more is reported as not decoded."""
_RECENT = 4
_USUAL_RATE = 25
"""Pictures a second of a stream that declares no rate."""
_FASTEST = 300
"""More pictures a second are a time base, not a rate."""


@dataclass(slots=True)
class _StreamClock:
    """Position of one stream."""

    next_s: float
    last_s: float
    offset_s: float | None = None
    n_packets: int = 0
    epochs: list[Epoch] = field(default_factory=list)


class Clock:
    """The clock of one medium, or of one part of it, while it is scanned.

    Parameters
    ----------
    start_s
        Time at which the part begins.
    origin_s
        First timestamp of its streams, seconds; None if unknown.
    """

    def __init__(self, start_s: float, origin_s: float | None) -> None:
        self.start_s = start_s
        self.end_s = start_s
        """End of all packets so far."""
        self.passed_s = start_s
        """Time before which no further picture begins, in the stream of the newest packet."""
        self._offsets_s = [] if origin_s is None else [start_s - origin_s]
        self._is_running = False
        self._streams: dict[int, _StreamClock] = {}

    def epochs(self, stream: int) -> list[Epoch]:
        """Return the epochs of a stream."""
        return self._streams[stream].epochs

    @property
    def offset_s(self) -> float:
        """Seconds from the newest epoch's timestamps to the medium's clock."""
        return self._offsets_s[-1] if self._offsets_s else 0.0

    def place(self, packet: AnyPacket) -> tuple[float, float]:
        """Return start and end of the next packet of its stream, seconds on the medium's clock."""
        stream = self._streams.get(packet.stream.index)
        if stream is None:
            stream = self._streams[packet.stream.index] = _StreamClock(self.start_s, -math.inf)
        duration_s, shown, decoding = duration(packet), packet.pts, packet.dts
        ticks = shown if decoding is None else decoding
        if ticks is None:
            at_s = shown_s = stream.next_s
        else:
            base = packet.time_base
            decoding_s = seconds_of(ticks, base)
            offset_s = self._offset(stream, packet, decoding_s, duration_s)
            at_s = decoding_s + offset_s
            shown_s = at_s if shown is None or shown == ticks else seconds_of(shown, base) + offset_s
            self._is_running = True
        stream.n_packets += 1
        stream.last_s, stream.next_s = at_s, at_s + duration_s
        end_s = shown_s + duration_s
        self.end_s = max(self.end_s, end_s)
        self.passed_s = at_s - _REORDERED_FRAMES * duration_s if decoding is None else at_s
        return shown_s, end_s

    def _offset(self, stream: _StreamClock, packet: AnyPacket, decoding_s: float, duration_s: float) -> float:
        """Return the offset of the stream's epoch, a new one if the timestamps do not follow."""
        current = stream.offset_s
        if current is None and stream.n_packets and not self._is_running:
            return self._begin(stream, stream.next_s - decoding_s)  # those before it had no timestamps
        if current is None and self._offsets_s:
            current = self._offsets_s[-1]
        is_reordered = (
            packet.dts is None or stream.offset_s is None
        )  # the first decoding times precede the first picture
        back_s = _BACK_S + (_REORDERED_FRAMES * duration_s if is_reordered else 0.0)
        if current is not None:
            is_after = decoding_s + current >= max(stream.last_s, self.start_s) - back_s
            if is_after and decoding_s + current <= max(self.end_s, stream.next_s) + _LONGEST_GAP_S:
                return current if stream.offset_s is not None else self._begin(stream, current)
            if len(stream.epochs) >= _MAX_EPOCHS:
                return stream.next_s - decoding_s
        return self._begin(stream, self._joined(stream, decoding_s))

    def _joined(self, stream: _StreamClock, decoding_s: float) -> float:
        """Return the offset of a recent epoch that the stream follows into, else one that begins at the end."""
        for offset_s in reversed(self._offsets_s[-_RECENT:]):
            if offset_s != stream.offset_s and -_BACK_S <= decoding_s + offset_s - stream.next_s <= _NEAR_S:
                return offset_s
        return max(self.end_s, stream.next_s) - decoding_s

    def _begin(self, stream: _StreamClock, offset_s: float) -> float:
        stream.offset_s = offset_s
        stream.epochs.append((stream.n_packets, offset_s))
        if not self._offsets_s or self._offsets_s[-1] != offset_s:
            self._offsets_s = [*self._offsets_s[-_RECENT:], offset_s]
        return offset_s


def retimed(packets: Iterable[AnyPacket], epochs: Iterable[Epoch], start_s: float) -> Iterator[AnyPacket]:
    """Yield the packets of one stream with timestamps on the medium's clock; each has at least one.

    Parameters
    ----------
    epochs, start_s
        As the scan has found them.
    """
    ahead = iter(epochs)
    ticks, pending, next_s = 0, next(ahead, None), start_s
    for number, packet in enumerate(packets):
        if packet.size:
            if pending is not None and number >= pending[0]:
                ticks, pending = round(pending[1] / seconds_of(1, packet.time_base)), next(ahead, None)
            if packet.pts is None and packet.dts is None:  # the decoder gives it to the frame that is shown then
                packet.dts = round(next_s / seconds_of(1, packet.time_base))
            elif ticks:
                _shift(packet, ticks)
            next_s = _end_s(packet)
        yield packet


def _shift(packet: AnyPacket, ticks: int) -> None:
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


def _end_s(packet: AnyPacket) -> float:
    """Return when a packet with a timestamp ends."""
    at_s = _seconds(packet, packet.pts if packet.dts is None else packet.dts)
    return (at_s or 0.0) + duration(packet)


def duration(packet: AnyPacket) -> float:
    """Return a packet's duration in seconds, by its stream's rate where it declares none; 0 for sound without one."""
    if (ticks := packet.duration) and ticks > 0:
        return seconds_of(ticks, packet.time_base)
    stream = packet.stream
    if isinstance(stream, VideoStream):
        rates = (stream.average_rate, stream.base_rate, stream.guessed_rate)
        return float(1 / next((rate for rate in rates if rate and rate <= _FASTEST), _USUAL_RATE))
    if isinstance(stream, AudioStream) and is_decodable(stream) and stream.codec_context.sample_rate:
        return (stream.codec_context.frame_size or 0) / stream.codec_context.sample_rate
    return 0.0


def _seconds(packet: AnyPacket, ticks: int | None) -> float | None:
    return None if ticks is None else seconds_of(ticks, packet.time_base)
