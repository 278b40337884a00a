"""Decoded stretches of a track of picture, of which most packets are left out on purpose. Runs in the sandbox."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from av.video.frame import VideoFrame

from streams.decode.media.coverage import JOIN_S
from streams.decode.media.decoded import Stretch
from streams.decode.media.tracks import AnyPacket, seconds_of

_LONGEST_SHOWN_S = 60.0
"""Longest time that one frame is taken to be shown."""


class Attempts:
    """Packets given to the decoder and frames that it returned: a frame counts up to the next packet given.

    A frame of which the decoder has concealed a part counts as returned, not as decoded.

    Parameters
    ----------
    tail_s
        Time after the last packet given for which its frame counts.
    """

    def __init__(self, tail_s: float) -> None:
        self._tail_s = max(tail_s, JOIN_S)
        self.is_empty = True
        """True if no frame was returned at all."""
        self._given_s = array("d")
        self._from_s, self._to_s = array("d"), array("d")

    def noted(self, packets: Iterable[AnyPacket]) -> Iterator[AnyPacket]:
        """Yield the packets, whose times are kept."""
        for packet in packets:
            if packet.size:
                ticks = packet.dts if packet.pts is None else packet.pts
                self._given_s.append(seconds_of(ticks or 0, packet.time_base))
            yield packet

    def add(self, time_s: float, frame: VideoFrame) -> None:
        """Add a returned frame."""
        self.is_empty = False
        if frame.is_corrupt:
            return
        shown_s = seconds_of(frame.duration, frame.time_base) if frame.duration and frame.time_base else 0.0
        self._from_s.append(time_s)
        self._to_s.append(time_s + max(JOIN_S, min(shown_s, _LONGEST_SHOWN_S)))

    def merged(self) -> list[Stretch]:
        """Return the decoded stretches in order of time, none overlapping."""
        if not self._from_s:
            return []
        start_s, end_s = np.array(self._from_s), np.array(self._to_s)
        given_s = np.sort(np.array(self._given_s))
        after = np.searchsorted(given_s, start_s, side="right")
        until_s = np.append(given_s, given_s[-1] + self._tail_s)[after]
        order = np.argsort(start_s, kind="stable")
        start_s, end_s = start_s[order], np.maximum.accumulate(np.maximum(end_s, until_s)[order])
        first = np.flatnonzero(np.append(True, start_s[1:] > end_s[:-1] + JOIN_S))
        last = np.append(first[1:] - 1, len(start_s) - 1)
        return list(zip(start_s[first].tolist(), end_s[last].tolist(), strict=True))
