from itertools import combinations, pairwise

import numpy as np
import pytest

from models.fusion.model import fuse, probability
from schemas.messages import MODALITIES, Modality
from streams.settings import Settings

STEPS = [step / 200 for step in range(201)]
ACT, REVIEW = Settings.model_fields["act"].default, Settings.model_fields["review"].default


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_higher_score_is_never_less_likely(modality: Modality) -> None:
    values = [probability(modality, score) for score in STEPS]
    assert all(lower <= higher for lower, higher in pairwise(values))
    assert all(0.0 <= value < 1.0 for value in values)


@pytest.mark.parametrize("modality", MODALITIES)
def test_no_likeness_is_next_to_nothing(modality: Modality) -> None:
    assert probability(modality, 0.0) < 0.001


def test_a_picture_alone_may_act() -> None:
    assert fuse([("visual", probability("visual", 0.8))]) >= ACT


def test_sound_alone_never_acts_and_asks_a_person() -> None:
    assert REVIEW <= fuse([("audio", probability("audio", 1.0))] * 50) < ACT


@pytest.mark.parametrize("terms", [0, 1, 1000])
def test_words_alone_never_act_and_ask_a_person(terms: int) -> None:
    assert REVIEW <= fuse([("text", probability("text", 1.0, terms))] * 50) < ACT


@pytest.mark.parametrize("both", list(combinations(MODALITIES, 2)))
def test_two_modalities_may_act_together(both: tuple[Modality, Modality]) -> None:
    assert fuse([(modality, probability(modality, 1.0)) for modality in both]) >= ACT


def test_a_modality_that_said_nothing_is_no_zero() -> None:
    alone = fuse([("visual", 0.7)])
    assert alone == pytest.approx(0.7)
    assert fuse([("visual", 0.7), ("audio", 0.0)]) == pytest.approx(alone)


def test_evidence_of_one_kind_is_not_added_up() -> None:
    assert fuse([("audio", 0.4)] * 100) == pytest.approx(0.4)


def test_more_evidence_never_says_less() -> None:
    random = np.random.default_rng(7)
    for _ in range(200):
        evidence = [(MODALITIES[random.integers(3)], float(random.random())) for _ in range(6)]
        said = [fuse(evidence[:count]) for count in range(7)]
        assert all(lower <= higher for lower, higher in pairwise(said))
        assert fuse(evidence) == pytest.approx(fuse(evidence[::-1]))


def test_no_evidence_is_zero_and_nothing_is_ever_certain() -> None:
    assert fuse([]) == 0.0
    assert fuse([(modality, 1.0) for modality in MODALITIES]) < 1.0
