import pytest

from schemas.messages import MODALITIES, Modality
from streams.evaluation.figures import Searched, figures, mean_iou, top_case
from streams.evaluation.judged import Finding
from streams.evaluation.manifest import Query


def found(case: str, probability: float, at: tuple[float, float] = (0, 4), **scores: float) -> Finding:
    by_modality: dict[Modality, float] = {each: scores[each] for each in MODALITIES if each in scores}
    intervals = dict.fromkeys(by_modality, at)
    acted = probability >= 0.95
    return Finding(
        case=case,
        probability=probability,
        acted=acted,
        scores=by_modality,
        probabilities=by_modality,
        intervals=intervals,
    )


def searched(name: str, expect: str | None, *findings: Finding, modalities: list[Modality] | None = None) -> Searched:
    transform, interval = name.split("-", maxsplit=1)[0], (0.0, 8.0) if expect else None
    query = Query(id=name, path="x", expect=expect, transform=transform, interval=interval)
    return Searched(query=query, findings=list(findings), modalities=modalities or ["visual", "audio"])


SET = [
    searched("mirrored-1", "clover", found("clover", 0.99, visual=0.9), found("willow", 0.3, visual=0.3)),
    searched("mirrored-2", "willow", found("willow", 0.80, visual=0.7, audio=0.6)),
    searched("cropped-1", "willow", found("clover", 0.96, visual=0.8), found("willow", 0.7, visual=0.6)),
    searched("cropped-2", "clover"),
    searched("other-1", None, found("willow", 0.2, audio=0.2)),
]


def test_figures_of_all_modalities_match_a_calculation_by_hand() -> None:
    # ranking: copy .99, wrong .96, copy .80, copy .70, wrong .3, wrong .2; four copies
    result = figures(SET, act_at=0.95)
    assert result.copies == 4
    assert result.micro_ap == pytest.approx((1 + 2 / 3 + 3 / 4) / 4)
    assert (result.recall_at_p100, result.recall_at_p99) == (0.25, 0.25)
    assert result.false_acts == 1
    assert result.per_transform == {"cropped": 0.0, "mirrored": 0.5}


def test_a_modality_counts_its_own_copies_and_all_its_wrong_pairs() -> None:
    silenced = searched("silent-1", "clover", found("clover", 0.99, visual=0.9, audio=0.5), modalities=["visual"])
    result = figures([*SET, silenced], act_at=0.95, modality="audio")
    assert result.copies == 4  # without the silent copy, and without its audio finding
    assert result.micro_ap == pytest.approx(1 / 4)
    assert "silent" not in result.per_transform
    assert figures(SET, act_at=0.15, modality="audio").false_acts == 1


def test_overlap_is_measured_on_copies_that_were_found() -> None:
    assert mean_iou(SET) == pytest.approx(0.5)
    assert mean_iou(SET[3:]) is None


def test_the_top_case_has_the_interval_of_its_most_probable_modality() -> None:
    top = top_case(SET[2])
    assert (top.case, top.probability, top.interval) == ("clover", 0.96, (0, 4))
    assert top_case(SET[3]).case is None
