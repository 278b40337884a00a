"""Which packets of a picture track are worth decoding: key frames, and others only where those are far apart.

Decoding is most of what a video costs, and key frames need no others: of 60 s of 720p they cost a tenth of a second,
all frames a second and a half. Runs in the sandbox.
"""

import math
from collections.abc import Iterable, Iterator

from streams.decode.media.tracks import AnyPacket


def sparse(packets: Iterable[AnyPacket], *, step_s: float, gap_s: float) -> Iterator[AnyPacket]:
    """Yield the packets whose decoded frames leave no gap longer than gap_s, and few more.

    A packet is held until the next key frame makes it needless, or until gap_s have passed without one: then all held
    packets are needed, for each frame rests on those before it. So at most gap_s of packets are held.

    Parameters
    ----------
    packets
        Of one stream, in the file's order, with the empty one at the end.
    step_s
        Key frames nearer to the last yielded one are held too; videos of nothing but key frames have many.
    gap_s
        Longest time without a frame, as far as the file has some.
    """
    held: list[AnyPacket] = []
    last_s = -math.inf
    for packet in packets:
        if not packet.size:  # the end: what is held is worth its time if it is long
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
    """Return when a packet is shown; one without a time is infinitely late, so that it is not held."""
    time = packet.dts if packet.pts is None else packet.pts
    return math.inf if time is None or packet.time_base is None else float(time * packet.time_base)
