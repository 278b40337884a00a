"""Which stretches of a track were decoded, and which were not."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from streams.decode.media.attempts import Attempts
from streams.decode.media.coverage import Stretches, missing, seconds


def attempts(given_s: list[int], decoded_s: list[int]) -> Attempts:
    """Return the attempts to decode packets at some times, of which some gave a frame."""
    found = Attempts(4.0)
    packets: Any = [SimpleNamespace(size=1, pts=time_s, dts=None, time_base=Fraction(1)) for time_s in given_s]
    assert len(list(found.noted(packets))) == len(given_s)
    frame: Any = SimpleNamespace(duration=0, time_base=Fraction(1), is_corrupt=False)
    for time_s in decoded_s:
        found.add(float(time_s), frame)
    return found


def test_packets_left_out_on_purpose_count_as_decoded() -> None:
    assert attempts([0, 5, 10], [0, 5, 10]).merged() == [(0.0, 14.0)]


def test_a_packet_without_a_frame_ends_a_stretch() -> None:
    found = attempts([0, 5, 10, 15], [0, 15]).merged()
    assert found == [(0.0, 5.0), (15.0, 19.0)]
    assert missing([(0.0, 16.0)], found) == [(5.0, 15.0)]


def test_frames_in_another_order_than_their_packets_count() -> None:
    assert attempts([0, 3, 1, 2], [0, 1, 2, 3]).merged() == [(0.0, 7.0)]


def test_nothing_decoded_is_all_missing() -> None:
    assert missing([(0.0, 0.5), (3.0, 4.0)], attempts([0], []).merged()) == [(0.0, 0.5), (3.0, 4.0)]


@pytest.mark.parametrize("n_stretches", [10, 2000])
def test_the_stretches_of_a_track_are_bounded(n_stretches: int) -> None:
    found = Stretches()
    for number in range(n_stretches):
        found.add(10.0 * number, 10.0 * number + 1.0)
    assert len(found.merged()) == min(n_stretches, 500)
    assert seconds(found.merged()) >= n_stretches
