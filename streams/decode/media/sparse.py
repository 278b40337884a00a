"""Selection of the packets to decode: key frames, and other frames only where key frames are far apart.

Decoding is most of the processor time of a video, and key frames depend on no others: for 60 s of 720p they take a
tenth of a second, all frames a second and a half. Runs in the sandbox.
"""

import math
from collections.abc import Iterable, Iterator

from streams.decode.media.tracks import AnyPacket, seconds_of


def sparse(packets: Iterable[AnyPacket], *, step_s: float, gap_s: float) -> Iterator[AnyPacket]:
    """Yield the packets whose decoded frames leave no gap longer than gap_s, and few more.

    A packet is held until the next key frame makes it unnecessary, or until gap_s have passed without one: then all
    held packets are needed, because each frame depends on those before it. So at most gap_s of packets are held.

    Parameters
    ----------
    packets
        Of one stream, in the file's order, with the empty one at the end.
    step_s
        Key frames nearer to the last yielded one are held too; a video of only key frames has many.
    gap_s
        Longest time without a frame, where the file has some.
    """
    held: list[AnyPacket] = []
    last_s = -math.inf
    for packet in packets:
        if not packet.size:  # the end: held packets are decoded only if they span half a gap
            yield from held if held and _time_s(held[-1]) - last_s >= gap_s / 2 else ()
            yield packet
            return
        if packet.is_keyframe:
            held.clear()
        held.append(packet)
        if _time_s(packet) - last_s >= (step_s if packet.is_keyframe else gap_s):
            yield from held
            held, last_s = [], _time_s(packet)


def _time_s(packet: AnyPacket) -> float:
    """Return a packet's presentation time; infinity without a timestamp, so that it is not held."""
    time = packet.dts if packet.pts is None else packet.pts
    return math.inf if time is None or packet.time_base is None else seconds_of(time, packet.time_base)
