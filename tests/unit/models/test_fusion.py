from itertools import pairwise

import numpy as np
import pytest

from models.fusion.model import FusionModel, read_curves
from models.registry import Registry
from schemas.messages import MODALITIES, Modality
from streams.settings import Settings

STEPS = [step / 200 for step in range(201)]
ACT, REVIEW = Settings.model_fields["act"].default, Settings.model_fields["review"].default


@pytest.fixture(params=["noisy-or@1", "noisy-or@2"])
def model(registry: Registry, request: pytest.FixtureRequest) -> FusionModel:
    return registry.fusion(request.param)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_higher_score_is_never_less_likely(model: FusionModel, modality: Modality) -> None:
    values = [model.probability(modality, score) for score in STEPS]
    assert all(lower <= higher for lower, higher in pairwise(values))
    assert all(0.0 <= value < 1.0 for value in values)


@pytest.mark.parametrize("modality", MODALITIES)
def test_no_likeness_is_next_to_nothing(model: FusionModel, modality: Modality) -> None:
    assert model.probability(modality, 0.0) < 0.001


def test_a_picture_alone_may_act(model: FusionModel) -> None:
    assert model.fuse([("visual", model.probability("visual", 0.8))]) >= ACT


def test_sound_alone_never_acts_and_asks_a_person(model: FusionModel) -> None:
    assert REVIEW <= model.fuse([("audio", model.probability("audio", 1.0))] * 50) < ACT


@pytest.mark.parametrize("terms", [0, 1, 1000])
def test_words_alone_never_act_and_ask_a_person(model: FusionModel, terms: int) -> None:
    assert REVIEW <= model.fuse([("text", model.probability("text", 1.0, terms))] * 50) < ACT


@pytest.mark.parametrize("both", [("visual", "audio"), ("visual", "text")])
def test_a_picture_and_another_modality_may_act_together(model: FusionModel, both: tuple[Modality, Modality]) -> None:
    assert model.fuse([(modality, model.probability(modality, 1.0)) for modality in both]) >= ACT


def test_a_modality_that_said_nothing_is_no_zero(model: FusionModel) -> None:
    alone = model.fuse([("visual", 0.7)])
    assert alone == pytest.approx(0.7)
    assert model.fuse([("visual", 0.7), ("audio", 0.0)]) == pytest.approx(alone)


def test_evidence_of_one_kind_is_not_added_up(model: FusionModel) -> None:
    assert model.fuse([("audio", 0.4)] * 100) == pytest.approx(0.4)


def test_more_evidence_never_says_less(model: FusionModel) -> None:
    random = np.random.default_rng(7)
    for _ in range(200):
        evidence = [(MODALITIES[random.integers(3)], float(random.random())) for _ in range(6)]
        said = [model.fuse(evidence[:count]) for count in range(7)]
        assert all(lower <= higher for lower, higher in pairwise(said))
        assert model.fuse(evidence) == pytest.approx(model.fuse(evidence[::-1]))


def test_no_evidence_is_zero_and_nothing_is_ever_certain(model: FusionModel) -> None:
    assert model.fuse([]) == 0.0
    assert model.fuse([(modality, 1.0) for modality in MODALITIES]) < 1.0


def test_the_candidate_asks_a_person_where_sound_and_words_alone_agree(registry: Registry) -> None:
    def together(model: FusionModel, *modalities: Modality) -> float:
        return model.fuse([(modality, model.probability(modality, 1.0)) for modality in modalities])

    first, second = registry.fusion("noisy-or@1"), registry.fusion("noisy-or@2")
    assert together(first, "audio", "text") >= ACT > together(second, "audio", "text") >= REVIEW
    assert together(second, "visual", "text") >= ACT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"visual": {"middle": 0.5, "slope": 20, "ceiling": 0.9}}',
        b'{"visual": {"middle": 0.5, "slope": 20, "ceiling": 1.0}, "audio": {}, "text": {}}',
    ],
)
def test_a_calibration_that_lacks_or_exceeds_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_curves(content)
