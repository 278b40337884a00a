import pytest

from schemas.messages import Modality
from streams.evaluation.figures import Searched, answer, figures, mean_iou
from streams.evaluation.judged import Finding
from streams.evaluation.manifest import Query


def found(case: str, probability: float, at: tuple[float, float] = (0, 4), **scores: float) -> Finding:
    senses: dict[Modality, float] = {sense: scores[sense] for sense in ("visual", "audio", "text") if sense in scores}
    where = dict.fromkeys(senses, at)
    acted = probability >= 0.95
    return Finding(
        case=case, probability=probability, acted=acted, scores=senses, probabilities=senses, intervals=where
    )


def searched(name: str, expect: str | None, *findings: Finding, senses: list[Modality] | None = None) -> Searched:
    transform, interval = name.split("-", maxsplit=1)[0], (0.0, 8.0) if expect else None
    query = Query(id=name, path="x", expect=expect, transform=transform, interval=interval)
    return Searched(query=query, findings=list(findings), senses=senses or ["visual", "audio"])


SET = [
    searched("mirrored-1", "clover", found("clover", 0.99, visual=0.9), found("willow", 0.3, visual=0.3)),
    searched("mirrored-2", "willow", found("willow", 0.80, visual=0.7, audio=0.6)),
    searched("cropped-1", "willow", found("clover", 0.96, visual=0.8), found("willow", 0.7, visual=0.6)),
    searched("cropped-2", "clover"),
    searched("other-1", None, found("willow", 0.2, audio=0.2)),
]


def test_figures_of_all_senses_are_those_worked_out_by_hand() -> None:
    # the ranking: right .99, wrong .96, right .80, right .70, wrong .3, wrong .2; four copies
    result = figures(SET, act_at=0.95)
    assert result.copies == 4
    assert result.micro_ap == pytest.approx((1 + 2 / 3 + 3 / 4) / 4)
    assert (result.recall_at_p100, result.recall_at_p99) == (0.25, 0.25)
    assert result.false_acts == 1
    assert result.per_transform == {"cropped": 0.0, "mirrored": 0.5}


def test_a_sense_answers_for_its_own_copies_and_for_all_its_wrong_pairs() -> None:
    silenced = searched("silent-1", "clover", found("clover", 0.99, visual=0.9, audio=0.5), senses=["visual"])
    result = figures([*SET, silenced], act_at=0.95, sense="audio")
    assert result.copies == 4  # the silent copy is none of them, nor is what was heard of it
    assert result.micro_ap == pytest.approx(1 / 4)
    assert "silent" not in result.per_transform
    assert figures(SET, act_at=0.15, sense="audio").false_acts == 1


def test_the_place_is_measured_on_what_was_found() -> None:
    assert mean_iou(SET) == pytest.approx(0.5)
    assert mean_iou(SET[3:]) is None


def test_the_answer_is_the_most_probable_case_where_the_surest_sense_found_it() -> None:
    said = answer(SET[2])
    assert (said.case, said.probability, said.interval) == ("clover", 0.96, (0, 4))
    assert answer(SET[3]).case is None
