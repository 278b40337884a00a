"""Stretches of time that a track has packets for, and that were decoded. Runs in the sandbox."""

from collections.abc import Iterable, Iterator, Sequence

from streams.decode.media.decoded import Stretch

JOIN_S = 1.0
"""Gaps up to this length do not end a stretch."""
_MAX_STRETCHES = 500
"""Stretches kept of one track; further ones are joined to the last."""


class Stretches:
    """Stretches of one track, added in about the order of time."""

    def __init__(self) -> None:
        self._found: list[list[float]] = []

    @property
    def is_empty(self) -> bool:
        """True if none was added."""
        return not self._found

    def add(self, start_s: float, end_s: float) -> None:
        """Add a packet's or a frame's time."""
        if self._found:
            last = self._found[-1]
            if last[0] - JOIN_S <= start_s <= last[1] + JOIN_S or len(self._found) == _MAX_STRETCHES:
                last[0], last[1] = min(last[0], start_s), max(last[1], end_s)
                return
        self._found.append([start_s, end_s])

    def merged(self) -> list[Stretch]:
        """Return the stretches in order of time, none overlapping."""
        merged: list[Stretch] = []
        for start_s, end_s in sorted((start_s, end_s) for start_s, end_s in self._found):
            if merged and start_s <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
            else:
                merged.append((start_s, end_s))
        return merged


def seconds(stretches: Iterable[Stretch]) -> float:
    """Return the duration of stretches together."""
    return sum(b - a for a, b in stretches)


def missing(present: Sequence[Stretch], decoded: Sequence[Stretch]) -> list[Stretch]:
    """Return the stretches of at least 1 s that are present and not decoded; all of them if nothing was decoded."""
    if not decoded:
        return list(present)
    return [found for stretch in present for found in _left(stretch, decoded) if found[1] - found[0] >= JOIN_S]


def _left(stretch: Stretch, decoded: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield what is left of a stretch without the decoded ones, which are in order."""
    start_s, end_s = stretch
    for a, b in decoded:
        if b <= start_s:
            continue
        if a >= end_s:
            break
        if a > start_s:
            yield start_s, a
        start_s = b
    if start_s < end_s:
        yield start_s, end_s
