"""Segments of a medium, cut before anything of it is decoded."""

from collections.abc import Iterable, Iterator
from itertools import count

from streams.decode.media.decoded import Lane, MediaInfo, Span, Stretch, Track

_SHORTEST_TAIL_S = 0.1


def cut(info: MediaInfo, segment_s: float) -> list[Span]:
    """Return the segments of all lanes: exact, available before decoding.

    Segments without any packet are left out. A tail below 0.1 s, which sound codecs add as padding, makes no segment.
    """
    return [span for lane in info.lanes for span in lane_spans(lane, segment_s)]


def lane_spans(lane: Lane, segment_s: float) -> list[Span]:
    """Return the segments of one lane, as `cut` does for all."""
    return [span for span in _spans(lane, segment_s) if span.has_picture or span.has_sound]


def _spans(lane: Lane, segment_s: float) -> Iterator[Span]:
    for index in count():
        start_s = lane.start_s + index * segment_s
        left_s = lane.end_s - start_s
        if index and left_s < _SHORTEST_TAIL_S:
            return
        end_s = start_s + segment_s if left_s > segment_s + _SHORTEST_TAIL_S else lane.end_s
        duration_s = min(segment_s, left_s)
        has_picture = lane.is_still or _has(lane.picture, start_s, end_s)
        yield Span(start_s, duration_s, has_picture, _has(lane.sound, start_s, end_s))


def _has(track: Track | None, start_s: float, end_s: float) -> bool:
    return track is not None and bool(within(track.stretches, start_s, end_s))


def within(stretches: Iterable[Stretch], start_s: float, end_s: float) -> list[Stretch]:
    """Return the parts of some stretches inside an interval; one of no duration may lie on its bounds."""
    return [
        (max(a, start_s), min(b, end_s))
        for a, b in stretches
        if (a < end_s and b > start_s) or (a == b and start_s <= a <= end_s)
    ]
