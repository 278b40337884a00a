"""A single still: it asks from its scene alone, and acts when it is more than its scene."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.registry import Registry
from schemas.messages import Match
from streams.match.reference_index import ReferenceIndex
from streams.match.stills import nearest_still
from tests.unit.made_messages import POLICY
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


def searched(still: Vectors, reference: Vectors, times_s: Sequence[float] | None = None) -> Match | None:
    times = list(range(len(reference))) if times_s is None else list(times_s)
    index = ReferenceIndex([entry(piece(reference, times))])
    return next(iter(index.search(query(still, [0.0] * len(still)))), None)


def decision(match: Match | None, model: str = "causes@1") -> str:
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
    assert decision(searched(like(FILM[:1], cosine), FILM[:1])) == expected


def test_a_picture_of_two_cases_is_evidence_for_both_and_one_like_it_is_not() -> None:
    twin, rival = entry(piece(FILM, range(30)), "case-b"), like(FILM[3:4], 0.85)
    own = entry(piece(FILM, range(30)))
    still = query(FILM[3:4], [0.0])
    assert {match.case_id for match in ReferenceIndex([own, twin]).search(still)} == {"case-a", "case-b"}
    unlike = entry(piece(rival, [0.0]), "case-b")
    found = {match.case_id: match.score for match in ReferenceIndex([own, unlike]).search(still)}
    assert found["case-a"] > 0.85
    assert found.get("case-b", 0.0) < 0.7


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
