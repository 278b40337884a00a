from collections.abc import Sequence
from itertools import pairwise, permutations
from math import log, log1p
from typing import Any

import msgspec
import numpy as np
import pytest

from models.fusion.model import PRIOR, FusionModel
from models.fusion.noisy_or import NoisyOr, read_curves
from models.manifest import MANIFEST
from models.registry import Registry
from schemas.messages import EVERY_MODALITY, Evidence, Interval, Modality, Passage
from streams.settings import Settings

STEPS = [step / 2000 for step in range(2001)]
ACT, REVIEW = Settings.model_fields["act"].default, Settings.model_fields["review"].default
PLACE = Interval(start_s=2.0, end_s=10.0)
ACTING: tuple[Modality, ...] = ("visual", "audio", "text")
"""Modalities that may, alone or together, lead to an act."""


@pytest.fixture(params=["noisy-or@1", "noisy-or@2", "causes@1", "causes@2"])
def model(registry: Registry, request: pytest.FixtureRequest) -> FusionModel:
    return registry.fusion(request.param)


@pytest.fixture
def causes(registry: Registry) -> FusionModel:
    return registry.fusion("causes@2")


def piece(modality: Modality, score: float = 1.0, **changes: Any) -> Evidence:
    """Return evidence at `PLACE`, unless changed."""
    fields: dict[str, Any] = {"reference_id": "r1", "medium": 0, "query": PLACE, "reference": PLACE, **changes}
    return Evidence(modality=modality, model="m", version="1", score=score, probability=0.0, **fields)


def fused(model: FusionModel, *evidence: Evidence) -> float:
    return model.judge(evidence).probability


def some_evidence(random: np.random.Generator, n: int) -> list[Evidence]:
    """Return random evidence of two references and media at several places."""
    found = []
    for _ in range(n):
        start_s, offset_s = random.uniform(0, 20), random.choice([0.0, 40.0])
        query = Interval(start_s=start_s, end_s=start_s + random.uniform(0, 30))
        reference = Interval(start_s=query.start_s + offset_s, end_s=query.end_s + offset_s)
        modality = EVERY_MODALITY[random.integers(len(EVERY_MODALITY))]
        place: dict[str, Any] = {"reference_id": f"r{random.integers(2)}", "medium": int(random.integers(2))}
        terms = int(random.integers(3)) if modality == "text" else 0
        found.append(piece(modality, float(random.random()), query=query, reference=reference, terms=terms, **place))
    return found


@pytest.mark.parametrize("modality", EVERY_MODALITY)
def test_a_higher_score_is_never_less_likely(model: FusionModel, modality: Modality) -> None:
    values = [model.probability(modality, score) for score in STEPS]
    assert all(lower <= higher for lower, higher in pairwise(values))
    assert all(0.0 <= value < 1.0 for value in values)


@pytest.mark.parametrize("modality", EVERY_MODALITY)
def test_the_trained_model_ranks_a_higher_score_higher_up_to_the_top(causes: FusionModel, modality: Modality) -> None:
    alone = [fused(causes, piece(modality, score)) for score in STEPS]
    assert all(lower < higher for lower, higher in pairwise(alone))


@pytest.mark.parametrize("modality", ACTING)
def test_it_does_so_together_with_all_other_modalities(causes: FusionModel, modality: Modality) -> None:
    others = [piece(other) for other in ACTING if other != modality]
    values = [fused(causes, *others, piece(modality, score)) for score in STEPS[1000::20]]
    assert all(lower < higher for lower, higher in pairwise(values))


@pytest.mark.parametrize("modality", EVERY_MODALITY)
def test_a_score_of_zero_has_almost_no_probability(model: FusionModel, modality: Modality) -> None:
    assert model.probability(modality, 0.0) < 0.001


def test_a_picture_alone_may_act(model: FusionModel) -> None:
    assert fused(model, piece("visual", 0.95)) >= ACT


@pytest.mark.parametrize("seconds", [0.0, 8.0, 3600.0])
def test_sound_alone_never_acts_and_leads_to_a_review(model: FusionModel, seconds: float) -> None:
    whole = Interval(start_s=0.0, end_s=seconds)
    assert REVIEW <= fused(model, *[piece("audio", query=whole, reference=whole)] * 50) < ACT


@pytest.mark.parametrize("terms", [0, 1, 1000])
def test_text_alone_never_acts_and_leads_to_a_review(model: FusionModel, terms: int) -> None:
    assert REVIEW <= fused(model, *[piece("text", terms=terms)] * 50) < ACT


@pytest.mark.parametrize("both", [("visual", "audio"), ("visual", "text")])
def test_a_picture_and_another_modality_may_act_together(model: FusionModel, both: tuple[Modality, Modality]) -> None:
    assert fused(model, *map(piece, both)) >= ACT


def test_a_missing_modality_does_not_count_as_zero(model: FusionModel) -> None:
    alone = fused(model, piece("visual", 0.8))
    assert alone > 0.0
    assert fused(model, piece("visual", 0.8), piece("audio", 0.0, reference_id="r2")) == pytest.approx(alone, abs=1e-3)


def test_evidence_of_one_kind_is_not_added_up(model: FusionModel) -> None:
    many = [piece("audio", 0.45, medium=medium) for medium in range(100)]
    assert fused(model, *many) == pytest.approx(fused(model, many[0]))


def test_more_evidence_never_lowers_the_probability(model: FusionModel) -> None:
    random = np.random.default_rng(7)
    for _ in range(200):
        evidence = some_evidence(random, 8)
        judged = [fused(model, *evidence[:count]) for count in range(9)]
        assert all(lower <= higher + 1e-12 for lower, higher in pairwise(judged))  # except for the last bit
        assert fused(model, *evidence) == pytest.approx(fused(model, *evidence[::-1]))


def test_evidence_that_does_not_count_may_be_left_out(model: FusionModel) -> None:
    random = np.random.default_rng(8)
    for _ in range(100):
        judged = model.judge(some_evidence(random, 10))
        assert fused(model, *judged.counted) == pytest.approx(judged.probability, abs=1e-12)
        assert len(judged.counted) <= len(EVERY_MODALITY) + 2


def test_no_evidence_is_zero_and_no_evidence_is_certainty(model: FusionModel) -> None:
    assert model.judge([]) == (0.0, [], [])
    assert fused(model, *(piece(modality, terms=9) for modality in EVERY_MODALITY)) < 1.0


def test_contributions_sum_to_the_log_odds_and_do_not_depend_on_the_order(model: FusionModel) -> None:
    random = np.random.default_rng(9)
    for _ in range(50):
        judged = model.judge(some_evidence(random, 6))
        odds = log(judged.probability) - log1p(-judged.probability)
        added = [one.added for one in judged.contributions]
        assert sum(added) + log(PRIOR) - log1p(-PRIOR) == pytest.approx(odds)
        assert added == sorted(added, reverse=True)
    three = [piece("visual", 0.5), piece("audio", 0.4), piece("text", 0.8)]
    added_by = [{one.modality: one.added for one in model.judge(order).contributions} for order in permutations(three)]
    assert all(other == pytest.approx(added_by[0]) for other in added_by)


def test_contributions_name_the_evidence() -> None:
    def why(*evidence: Evidence) -> list[str]:
        return [one.why for one in Registry().fusion("causes@2").judge(evidence).contributions]

    twice = [Passage(query=Interval(start_s=at, end_s=at + 3.0), reference=PLACE, score=0.9) for at in (0.0, 1.0)]
    assert why(piece("visual", 0.91)) == ["pictures match r1 for 8.0 s, score 0.91"]
    assert why(piece("audio", 0.8, passages=twice)) == ["sound matches r1 for 4.0 s in 2 stretches, score 0.80"]
    assert why(piece("text", terms=3)) == ["3 of the case's terms found"]
    assert why(piece("text", 0.8)) == ["worded like the case, score 0.80"]
    assert sorted(why(piece("visual", 0.9), piece("audio", 0.8))) == [
        "pictures match r1 for 8.0 s, score 0.90, where picture and sound agree",
        "sound matches r1 for 8.0 s, score 0.80, where picture and sound agree",
    ]


def apart(by_s: float) -> Sequence[Evidence]:
    """Return a weak picture and a weak sound, the sound so much later in the reference."""
    later = Interval(start_s=PLACE.start_s + by_s, end_s=PLACE.end_s + by_s)
    return piece("visual", 0.6), piece("audio", 0.6, reference=later)


def test_picture_and_sound_at_one_place_are_stronger_than_at_two(causes: FusionModel) -> None:
    agreeing, elsewhere = fused(causes, *apart(0.5)), fused(causes, *apart(20.0))
    assert agreeing > elsewhere
    picture, sound = apart(0.5)
    for other in ({"reference_id": "r2"}, {"medium": 1}):
        assert fused(causes, picture, msgspec.structs.replace(sound, **other)) == pytest.approx(elsewhere)


def test_a_longer_match_is_stronger(causes: FusionModel) -> None:
    lengths = [0.0, 1.0, 3.0, 10.0, 25.0]
    values = [causes.probability("visual", 0.5, seconds=seconds) for seconds in lengths]
    assert all(lower < higher for lower, higher in pairwise(values))


def test_a_voice_never_leads_to_an_act(model: FusionModel) -> None:
    voice: Any = "voice"
    for others in ([], [piece("audio")], [piece("text", terms=2)], [piece("visual", 0.5)]):
        before = fused(model, *others)
        assert before <= fused(model, *others, piece(voice)) <= max(before, 0.8)
    assert fused(model, piece(voice)) >= REVIEW


def test_the_candidate_reviews_sound_and_text_without_a_picture(registry: Registry) -> None:
    first, second = registry.fusion("noisy-or@1"), registry.fusion("noisy-or@2")
    assert fused(first, piece("audio"), piece("text")) >= ACT > fused(second, piece("audio"), piece("text")) >= REVIEW
    assert fused(second, piece("visual"), piece("text")) >= ACT


def test_a_noisy_or_multiplies_the_complements(registry: Registry) -> None:
    model = registry.fusion("noisy-or@1")
    assert isinstance(model, NoisyOr)
    assert model.fuse([("visual", 0.7), ("audio", 0.5), ("audio", 0.4)]) == pytest.approx(0.85)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"visual": {"middle": 0.5, "slope": 20, "ceiling": 0.9}}',
        b'{"visual": {"middle": 0.5, "slope": 20, "ceiling": 1.0}, "audio": {}, "text": {}}',
    ],
)
def test_an_incomplete_or_invalid_calibration_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_curves(content)


def test_the_calibration_files_of_the_manifest_are_unchanged() -> None:
    curves = read_curves((MANIFEST.parent / "fusion" / "noisy-or-1.json").read_bytes())
    assert curves["audio"].ceiling == 0.9


def still(score: float, medium: int, from_s: float, to_s: float | None = None, **changes: Any) -> Evidence:
    """Return a match of a still: of no duration, and without passages. It shows a moment, or a scene of a duration."""
    shown = Interval(start_s=from_s, end_s=from_s if to_s is None else to_s)
    return piece("visual", score, query=Interval(start_s=0.0, end_s=0.0), reference=shown, medium=medium, **changes)


def test_stills_of_several_moments_of_a_reference_add_up(causes: FusionModel) -> None:
    several = [still(0.79, number, 10.0 * number) for number in range(3)]
    assert REVIEW <= fused(causes, several[0]) < ACT
    assert fused(causes, *several) >= ACT
    assert len(causes.judge(several).counted) == len(several)


def test_stills_of_one_moment_or_of_the_scene_alone_do_not(causes: FusionModel) -> None:
    one_moment = [still(0.79, number, 10.0) for number in range(8)]
    assert fused(causes, *one_moment) == fused(causes, one_moment[0])
    scene = [still(0.75, number, 10.0 * number) for number in range(8)]
    assert fused(causes, *scene) == fused(causes, scene[0]) < ACT
    others = [still(0.79, number, 10.0 * number, reference_id=f"r{number}") for number in range(8)]
    assert fused(causes, *others) == fused(causes, others[0])


SCENE = 0.75
"""Score of a still that shows no more than its scene."""


def test_stills_of_several_scenes_of_a_reference_add_up(causes: FusionModel) -> None:
    several = [still(SCENE, number, 10.0 * number, 10.0 * number + 8.0) for number in range(9)]
    for alone in (several[:1], several[:2], several[:3]):
        assert REVIEW <= fused(causes, *alone) < ACT
    assert fused(causes, *several[:4]) >= ACT
    assert len(causes.judge(several).counted) == len(several)
    (reason,) = causes.judge(several[:4]).contributions
    assert reason.why == "pictures match r1 in 4 pictures, score 0.82"


def test_stills_of_one_scene_do_not_however_many_moments_of_it_they_resemble(causes: FusionModel) -> None:
    fixed_camera = [still(SCENE, number, 0.0, 60.0) for number in range(9)]
    assert fused(causes, *fixed_camera) == fused(causes, fixed_camera[0])
    recurring = [still(SCENE, number, 5.0 * number, 60.0 - number) for number in range(9)]
    assert fused(causes, *recurring) == fused(causes, recurring[0])
    before_scenes_were_known = [still(SCENE, number, 10.0 * number) for number in range(9)]
    assert fused(causes, *before_scenes_were_known) == fused(causes, before_scenes_were_known[0])


def test_a_still_of_a_scene_agrees_with_no_sound(causes: FusionModel) -> None:
    sound = piece("audio", 0.6, query=Interval(start_s=0.0, end_s=8.0), reference=Interval(start_s=30.0, end_s=38.0))
    scene, moment = still(SCENE + 0.05, 0, 10.0, 50.0), still(SCENE + 0.05, 0, 30.0)
    assert fused(causes, scene, sound) < fused(causes, moment, sound)


ROOM = Interval(start_s=4.0, end_s=4.0)
"""Place of a room in a reference: no known moment."""


@pytest.mark.parametrize("query", [PLACE, Interval(start_s=0.0, end_s=0.0)])
def test_a_room_and_sounds_that_its_other_recordings_share_ask(causes: FusionModel, query: Interval) -> None:
    room, steps = piece("visual", 0.75, query=query, reference=ROOM), piece("audio", 0.78)
    faint = [piece("visual", 0.1), piece("audio", 0.1)]
    assert fused(causes, room, steps) == pytest.approx(fused(causes, steps))
    assert REVIEW <= fused(causes, room, steps, *faint) < ACT


def test_a_room_and_a_sound_beyond_what_its_recordings_share_act(causes: FusionModel) -> None:
    room, speech = piece("visual", 0.72, reference=ROOM), piece("audio", 0.9)
    judged = causes.judge([room, speech])
    assert judged.probability >= ACT
    assert any("where picture and sound agree" in one.why for one in judged.contributions)
    for other in ({"reference_id": "r2"}, {"medium": 1}, {"score": 0.69}):
        assert fused(causes, msgspec.structs.replace(room, **other), speech) < ACT


def test_a_room_whose_motion_lies_on_the_line_of_a_sound_acts_with_it(causes: FusionModel) -> None:
    def shown(at_s: float) -> Evidence:
        passages = [Passage(query=PLACE, reference=each, score=0.74) for each in (ROOM, moved(at_s))]
        return piece("visual", 0.74, reference=ROOM, passages=passages)

    def moved(by_s: float) -> Interval:
        return Interval(start_s=PLACE.start_s + by_s, end_s=PLACE.end_s + by_s)

    speech, long_speech = (piece("audio", score, reference=moved(3.0)) for score in (0.74, 0.9))
    assert fused(causes, shown(3.0), speech) >= ACT
    for elsewhere_s in (2.0, 4.0, 8.0):  # such as motion that correlates by chance
        assert REVIEW <= fused(causes, shown(elsewhere_s), speech) < ACT
    assert REVIEW <= fused(causes, piece("visual", 0.74, reference=ROOM), speech) < ACT
    assert fused(causes, shown(8.0), long_speech) >= ACT


def test_a_still_of_a_room_agrees_with_no_sound(causes: FusionModel) -> None:
    at = Interval(start_s=0.0, end_s=0.0)
    still, steps = piece("visual", 0.75, query=at, reference=at), piece("audio", 0.63)
    assert REVIEW <= fused(causes, still, steps) < ACT


def test_a_reason_says_where_pictures_show_a_place_at_no_known_moment(causes: FusionModel) -> None:
    def why(*evidence: Evidence) -> str:
        return next(one.why for one in causes.judge(evidence).contributions if one.modality == "visual")

    place = "at no known moment: another recording of the place may match too"
    assert why(still(SCENE, 0, 4.0)) == f"pictures match r1, score 0.75, {place}"
    assert why(piece("visual", 0.7, reference=ROOM)) == f"pictures match r1 for 8.0 s, score 0.70, {place}"
    moments = [Passage(query=PLACE, reference=each, score=0.7) for each in (ROOM, PLACE)]
    shown = (
        still(SCENE + 0.05, 0, 4.0),
        still(SCENE, 0, 4.0, 9.0),
        piece("visual", 0.7, reference=ROOM, passages=moments),
    )
    assert not any(place in why(each) for each in shown)
    assert place not in why(piece("visual", 0.72, reference=ROOM), piece("audio", 0.9))  # which is of the recording


def test_the_first_version_joins_room_and_sound_as_before(registry: Registry) -> None:
    room, steps = piece("visual", 0.75, reference=ROOM), piece("audio", 0.78)
    assert fused(registry.fusion("causes@1"), room, steps) >= ACT


def test_more_stills_never_lower_the_probability(causes: FusionModel) -> None:
    random = np.random.default_rng(4)
    for _ in range(50):
        starts_s, lengths_s = random.uniform(0, 30, 6), random.choice([0.0, 3.0, 12.0], 6)
        scores = np.where(random.uniform(size=6) < 0.5, SCENE, random.uniform(0.7, 0.9, 6))
        pieces = [
            still(float(score), n, float(start), float(start + length))
            for n, (score, start, length) in enumerate(zip(scores, starts_s, lengths_s, strict=True))
        ]
        values = [fused(causes, *pieces[:n]) for n in range(1, 7)]
        assert all(later >= earlier - 1e-12 for earlier, later in pairwise(values))
