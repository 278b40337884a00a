"""Correction of a second look's matches by motion."""

from typing import Any

import msgspec
import numpy as np
import pytest

from models.motion.rows import pack_track
from models.motion.track import COLUMNS, Track
from schemas.matrix import pack
from schemas.messages import Descriptors, Interval, Match
from streams.match.second_look import compared, corrected
from tests.unit.made_messages import match, segment
from tests.unit.models.test_motion import filmed, tracked, walk

ROOM = 0.75


def recorded(seed: int, seconds: float = 20) -> Track:
    return tracked(filmed(walk(seconds, seed)))


def look(motion: Track | None, start_s: float = 0.0) -> Descriptors:
    return Descriptors(
        descriptor_id="d1",
        segment=msgspec.structs.replace(segment(), start_s=start_s),
        modality="visual",
        model="m",
        version="1",
        vectors=pack(np.zeros((0, 4), np.float32), "int8"),
        times_s=[],
        look=1,
        motion=None if motion is None else pack_track(motion),
    )


def found(start_s: float, end_s: float, score: float = ROOM, **changes: Any) -> Match:
    return match(score, query=Interval(start_s=start_s, end_s=end_s), **changes)


def test_motion_tells_a_copy_from_another_recording_of_its_room() -> None:
    copy, other = (corrected(found(0, 20), look(recorded(seed)), recorded(1)).score for seed in (1, 2))
    assert copy > 0.78 > ROOM > 0.73 > other


def test_without_motion_on_both_sides_and_of_an_exact_copy_the_score_stays() -> None:
    exact = found(0, 20, 1.0)
    assert corrected(found(0, 20), look(None), recorded(1)) == found(0, 20)
    assert corrected(found(0, 20), look(recorded(2)), None) == found(0, 20)
    assert corrected(exact, look(recorded(2)), recorded(1)) == exact


@pytest.mark.parametrize("start_s", [0.0, 100.0])
def test_of_a_short_passage_only_its_own_motion_counts_against_a_copy(start_s: float) -> None:
    looked = look(recorded(2), start_s)
    whole = corrected(found(start_s, start_s + 20), looked, recorded(1)).score
    short = corrected(found(start_s + 8, start_s + 10), looked, recorded(1)).score
    assert whole < 0.73 < short < ROOM


@pytest.mark.parametrize("backwards", [False, True])
def test_motion_of_a_copy_shows_the_moment_at_which_its_room_was_recorded(*, backwards: bool) -> None:
    pictures = filmed(walk(20, 1))
    shown, whole = tracked(pictures[::-1] if backwards else pictures)[40:160], tracked(pictures)
    room = found(104, 116, reference=Interval(start_s=9.0, end_s=9.0))
    corrected_room = corrected(room, look(shown, 104.0), whole)
    *before, moved = corrected_room.passages
    assert before == list(room.passages)
    assert moved.query.start_s == pytest.approx(104, abs=0.5)
    assert (moved.reference.start_s, moved.reference.end_s) == pytest.approx((4, 16), abs=0.5)
    assert moved.score == corrected_room.score


def test_motion_that_is_little_evidence_shows_its_line_too() -> None:
    reference, shown = recorded(1), recorded(3)
    faint = reference[100:130] + np.random.default_rng(0).normal(0, 2, (30, COLUMNS)) * reference.std(axis=0)
    shown[60:90] = faint  # 3 s inside another video
    room = found(0, 20, reference=Interval(start_s=9.0, end_s=9.0))
    assert compared(room, shown, 0.0, reference).nats < 1.5
    moved = corrected(room, look(shown), reference).passages[-1]
    assert moved.reference.start_s - moved.query.start_s == pytest.approx(4, abs=0.1)


def test_motion_shows_no_moment_of_another_recording_nor_beside_a_known_one() -> None:
    room = found(0, 20, reference=Interval(start_s=9.0, end_s=9.0))
    assert corrected(room, look(recorded(5)), recorded(1)).passages == room.passages
    assert corrected(found(0, 20), look(recorded(1)), recorded(1)).passages == found(0, 20).passages
