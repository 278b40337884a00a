"""Labels that count for a calibration, and the candidate that is made of them."""

from pathlib import Path

import numpy as np
import pytest

from models.fusion.calibrated import Calibrated
from models.registry import Registry
from schemas.messages import Label, LabelDecision
from streams.errors import UsageError
from streams.replay import labelled
from streams.replay.labelled import Collector, Labelled
from streams.replay.learn import LEAST, Learned, refit, report, write_candidate
from tests.unit.made_messages import NOW, evidence, verdict

BASE = Registry().fusion("causes@1")


def label(post: str, said: LabelDecision = "copy", case: str = "a", **changes: object) -> Label:
    fields: dict[str, object] = {"decision": "review", "evidence": [evidence(score=0.5)]}
    decided = verdict(**fields | changes)
    return Label(post_id=post, case_id=case, decision=said, reviewer="r", at=NOW, verdict=decided)


def collected(*labels: Label) -> Labelled:
    collector = Collector(BASE, BASE)
    for one in labels:
        collector.add(one)
    return collector.labelled()


def labels(n: int, slope: float, offset: float) -> list[Label]:
    """Return labels of ten cases, drawn by a line in the log-odds of the model."""
    random, found = np.random.default_rng(3), []
    for number in range(n):
        score = float(random.uniform(0.70, 0.81))
        logit = np.log(p := BASE.judge([evidence(score=score)]).probability) - np.log1p(-p)
        copy = random.random() < 1 / (1 + np.exp(-(slope * logit + offset)))
        case, post = f"case-{number % 10}", f"p{number}"
        found.append(label(post, "copy" if copy else "other", case, evidence=[evidence(score=score)]))
    return found


def test_the_last_label_of_a_reviewed_pair_counts_and_others_are_left_out_by_reason() -> None:
    found = collected(
        label("p1", "other"),
        label("p1", "copy"),
        label("p2", "copy"),
        label("p2", "escalate"),
        label("p3", "other", decision="act"),
        label("p4", "copy", evidence=[]),
        label("p1", "other", case="b"),
    )
    assert found.copies.tolist() == [True, False]
    assert found.cases.tolist() == [0, 1]
    assert found.left_out == {"not decided": 1, "not of a verdict to review": 1, "without a verdict": 1}


def test_the_oldest_are_dropped_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "MAX_PAIRS", 2)
    found = collected(label("p1", case="old"), label("p2", case="b"), label("p1", "other", case="old"), label("p3"))
    assert sorted(found.copies.tolist()) == [False, True]
    assert sum(found.left_out.values()) == 1


def test_too_few_labels_are_refused_with_the_numbers_that_are_missing() -> None:
    with pytest.raises(UsageError) as refused:
        refit(collected(label("p1"), label("p2", "other"), label("p3", decision="act")), "causes@1", 0)
    assert str(refused.value) == (
        "too few labels of verdicts to review, 49 more copies, 49 more others, 4 more cases are needed; "
        "1 left out: not of a verdict to review"
    )
    with pytest.raises(UsageError, match="50 more copies, 50 more others, 5 more cases"):
        refit(collected(), "causes@1", 0)
    assert LEAST == {"copies": 50, "others": 50, "cases": 5}


def test_labels_that_the_probability_does_not_rank_are_refused() -> None:
    with pytest.raises(UsageError, match="hardly ranks these labels"):
        refit(collected(*labels(2000, -0.5, 0.0)), "causes@1", 0)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return refit(collected(*labels(800, 0.6, -1.5)), "causes@1", 0)


def test_a_refit_to_misjudged_posts_makes_unseen_cases_better(learned: Learned) -> None:
    assert learned.is_better
    assert learned.held_out.after.log_loss < learned.held_out.before.log_loss
    text = "\n".join(report(learned))
    assert f"{learned.n_copies} copies and {learned.n_others} others of 10 cases" in text
    assert "95 % interval" in text


def test_a_refit_to_well_judged_posts_is_not_better() -> None:
    assert not refit(collected(*labels(800, 1.0, 0.0)), "causes@1", 0).is_better


def test_the_candidate_is_loaded_as_any_other_and_written_once(learned: Learned, tmp_path: Path) -> None:
    manifest = write_candidate(learned, tmp_path / "made")
    first = manifest.read_text()
    assert write_candidate(learned, tmp_path / "made").read_text() == first
    model = Registry(extra=manifest).fusion(learned.full_name)
    assert isinstance(model, Calibrated)
    one = [evidence(score=0.5)]
    assert model.judge(one).probability == pytest.approx(learned.file.of(BASE.judge(one).probability))


def test_a_second_candidate_is_added_and_a_folder_that_cannot_be_written_is_named(
    learned: Learned, tmp_path: Path
) -> None:
    other = refit(collected(*labels(801, 0.6, -1.5)), "causes@1", 0)
    write_candidate(learned, tmp_path)
    models = Registry(extra=write_candidate(other, tmp_path))
    assert {models.fusion(one.full_name).version for one in (learned, other)} == {
        one.full_name.partition("@")[2] for one in (learned, other)
    }
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        write_candidate(learned, tmp_path / "file")
