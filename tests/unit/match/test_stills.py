"""A single still: it asks from its scene alone, and acts when it is more than its scene."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.registry import Registry
from models.visual.cuts import FIRST_TILE, MIRRORED
from schemas.messages import Match, Parts
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.match.stills import nearest_still
from tests.unit.made_messages import POLICY, post_ref, segment
from tests.unit.match.test_reference_index import COLUMNS, Vectors, entry, piece, query, unit

FILM = unit(30, COLUMNS, seed=1)
"""Thirty pictures that resemble each other nowhere: a moving camera."""
ROOM = unit(1, COLUMNS, seed=2)
PEOPLE = unit(30, COLUMNS, seed=3)


def normal(rows: Vectors) -> Vectors:
    found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def before_camera(people: Vectors) -> Vectors:
    """Return pictures of one room: the room, and a little of what is in it."""
    return normal(ROOM + 0.3 * people)


def like(picture: Vectors, cosine: float, seed: int = 50) -> Vectors:
    """Return a row of this cosine with a picture."""
    noise = unit(1, COLUMNS, seed=seed)
    noise = normal(noise - (noise @ picture.T) * picture)
    return normal(cosine * picture + np.sqrt(1 - cosine**2) * noise)


def searched(
    still: Vectors, reference: Vectors, times_s: Sequence[float] | None = None, duration_s: float = 180.0
) -> Match | None:
    times = list(range(len(reference))) if times_s is None else list(times_s)
    index = ReferenceIndex([entry(piece(reference, times, duration_s=duration_s))])
    return next(iter(index.search(query(still, [0.0] * len(still)))), None)


def decision(match: Match | None, model: str = "causes@2") -> str:
    probability = Registry().fusion(model).probability("visual", match.score) if match else 0.0
    return "act" if probability >= POLICY.act else "review" if probability >= POLICY.review else "dismiss"


@pytest.mark.parametrize(("cosine", "expected"), [(0.5, "dismiss"), (0.61, "review"), (0.75, "act"), (1.0, "act")])
def test_a_still_of_a_moving_picture_acts_from_where_chance_never_reaches(cosine: float, expected: str) -> None:
    match = searched(like(FILM[7:8], cosine), FILM)
    assert decision(match) == expected
    if expected == "act":
        assert match is not None
        assert match.reference.start_s == 7.0


def test_a_still_of_the_room_alone_asks() -> None:
    reference = before_camera(PEOPLE)
    other = before_camera(unit(1, COLUMNS, seed=99))
    assert float((other @ reference.T).max()) > 0.9
    assert decision(searched(other, reference)) == "review"
    assert decision(searched(ROOM, reference)) == "review"


def test_the_very_picture_of_a_fixed_camera_asks_since_another_recording_may_show_it_too() -> None:
    reference = before_camera(PEOPLE)
    assert decision(searched(like(reference[4:5], 0.99), reference)) == "review"


@pytest.mark.parametrize(("cosine", "expected"), [(0.9, "review"), (0.97, "act")])
def test_of_a_reference_with_one_picture_only_the_very_same_acts(cosine: float, expected: str) -> None:
    still = like(FILM[:1], cosine)
    assert decision(searched(still, FILM[:1], duration_s=0.0)) == expected
    assert decision(searched(still, FILM[:1], duration_s=12.0)) == "review", "a video that shows nothing else"


def test_a_picture_of_two_cases_is_evidence_for_both_and_one_like_it_is_not() -> None:
    twin, rival = entry(piece(FILM, range(30)), "case-b"), like(FILM[3:4], 0.85)
    own = entry(piece(FILM, range(30)))
    still = query(FILM[3:4], [0.0])
    assert {match.case_id for match in ReferenceIndex([own, twin]).search(still)} == {"case-a", "case-b"}
    unlike = entry(piece(rival, [0.0], duration_s=0.0), "case-b")
    found = {match.case_id: match.score for match in ReferenceIndex([own, unlike]).search(still)}
    assert found["case-a"] > 0.85
    assert found.get("case-b", 0.0) < 0.7


IN_TWO = unit(1, COLUMNS, seed=40)
"""A still of a room."""


def recordings(first: float, second: float) -> list[Vectors]:
    """Return a row of the recordings of two cases, by the cosine of each with `IN_TWO`."""
    return [like(IN_TWO, cosine, seed=42 + number) for number, cosine in enumerate((first, second))]


def asked(cases: Sequence[Vectors], *views: tuple[Vectors, int]) -> set[int]:
    """Return which of two cases ask about views of a still; cameras stand still in both."""
    entries = [entry(piece(row.repeat(12, axis=0), range(12)), str(number)) for number, row in enumerate(cases)]
    rows, numbers = np.concatenate([row for row, _ in views]), [number for _, number in views]
    found = ReferenceIndex(entries).search(query(rows, [0.0] * len(rows), views=numbers))
    return {int(match.case_id) for match in found if decision(match) != "dismiss"}


def test_a_still_of_a_room_of_two_cases_asks_for_the_one_whose_recording_is_clearly_nearer() -> None:
    for whole in (0, MIRRORED):
        assert asked(recordings(0.9, 0.8), (IN_TWO, whole)) == {0}
        assert asked(recordings(0.8, 0.9), (IN_TWO, whole)) == {1}
        assert asked(recordings(0.9, 0.84), (IN_TWO, whole)) == {0, 1}
    corner = like(IN_TWO, 0.3, seed=98)
    both = normal(sum(recordings(0.9, 0.8), corner))
    assert asked(recordings(0.9, 0.8), (IN_TWO, 0), (both, FIRST_TILE)) == {0}


def test_a_part_of_a_still_that_is_nearer_to_its_own_recording_does_not_ask_for_another_room() -> None:
    own, other = recordings(0.9, 0.3)
    part = normal(own + 0.7 * other)
    assert asked([own, other], (IN_TWO, 0), (part, FIRST_TILE)) == {0}


def test_a_collage_of_two_cases_asks_for_both() -> None:
    own, other = recordings(0.6, 0.4)
    assert asked([own, other], (IN_TWO, 0), (own, FIRST_TILE), (other, FIRST_TILE + 1)) == {0, 1}


SHOTS = np.concatenate([normal(unit(1, COLUMNS, seed=60 + n) + 0.3 * unit(6, COLUMNS, seed=70 + n)) for n in range(5)])
"""Five shots of six seconds, in each of which the camera stands still."""


def nine_stills(reference: Vectors, stills: Vectors) -> str:
    """Return the decision on nine stills of a reference in one post."""
    index = ReferenceIndex([entry(piece(reference, range(len(reference))))])
    rules = Rules(Registry().fusion("causes@2"), {"case-a": POLICY})
    state = PostState(post=post_ref(), parts=Parts(visual=9, audio=0, text=0), deadline_s=1e10)
    verdicts = []
    for number, still in enumerate(stills):
        own = segment(number, medium=number, parts=state.parts)
        found = scores_record(described := query(still[None], [0.0], segment=own), index.search(described))
        verdicts += state.add(found, rules, 0.0)
        state.mark_delivered(verdicts)
    return max((verdict.decision for verdict in verdicts), key=["dismiss", "review", "act"].index)


def test_stills_of_several_shots_act_together_though_each_alone_asks() -> None:
    chosen = SHOTS[1::3][:9]
    assert {decision(searched(still[None], SHOTS)) for still in chosen} == {"review"}
    assert nine_stills(SHOTS, chosen) == "act"


def test_stills_of_one_shot_ask_whatever_moments_of_it_they_resemble() -> None:
    of_first_shot = normal(unit(1, COLUMNS, seed=60) + 0.3 * unit(9, COLUMNS, seed=90))
    assert nine_stills(SHOTS, of_first_shot) == "review"
    assert nine_stills(SHOTS, np.repeat(SHOTS[:1], 9, axis=0)) == "review"


def test_the_very_pictures_of_a_fixed_camera_ask_together_too() -> None:
    reference = before_camera(PEOPLE)
    assert nine_stills(reference, reference[::3][:9]) == "review"


def test_stills_of_several_rooms_before_fixed_cameras_ask() -> None:
    rooms = [normal(unit(1, COLUMNS, seed=60 + n) + 0.3 * unit(20, COLUMNS, seed=70 + n)) for n in range(5)]
    others = [normal(unit(1, COLUMNS, seed=60 + n) + 0.3 * unit(2, COLUMNS, seed=80 + n)) for n in range(5)]
    assert nine_stills(np.concatenate(rooms), np.concatenate(others)[:9]) == "review"


def test_a_still_of_a_shot_has_the_stretch_that_shows_it_and_one_of_a_moment_its_time() -> None:
    scene, moment = searched(SHOTS[8:9], SHOTS), searched(FILM[8:9], FILM)
    assert scene is not None
    assert moment is not None
    assert (scene.reference.start_s, scene.reference.end_s) == (6.0, 11.0)
    assert (moment.reference.start_s, moment.reference.end_s) == (8.0, 8.0)


def test_a_higher_similarity_never_scores_lower() -> None:
    times_s = np.arange(30, dtype=np.float64)
    for reference in (FILM, before_camera(PEOPLE), FILM[:1]):
        scores = []
        for cosine in np.linspace(0.2, 1.0, 33):
            still = like(reference[:1], float(cosine))
            found = nearest_still(still, still @ reference.T, reference, times_s[: len(reference)], is_still=False)
            scores.append(found.score if found else 0.0)
        assert np.all(np.diff(scores) >= -1e-6)


def test_no_still_without_evidence() -> None:
    assert searched(unit(1, COLUMNS, seed=77), FILM) is None
    assert nearest_still(FILM[:0], np.zeros((0, 30), np.float32), FILM, np.arange(30.0), is_still=False) is None
