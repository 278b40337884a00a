"""The proof by force can fail: its comparison finds what is lost, wrong or doubled, and its plan can be repeated."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ops.faults import offsets
from ops.faults.brokers import elect_leaders
from ops.faults.feed import Kind
from ops.faults.inputs import oversize, poison
from ops.faults.media import Media
from ops.faults.offsets import OffsetReader, Position
from ops.faults.outcome import LONG_OUTAGE, Outcome, passed
from ops.faults.plan import KILLS, Planned, SkippedError, make_plan
from ops.faults.recovery import Recovery
from ops.faults.report import figures, write_json
from ops.faults.run import outcomes
from ops.faults.system import CASE_ID, Death, System
from ops.faults.verify import Findings, compare
from schemas.messages import DeadLetter, Decision, Message, PostRef, Takedown, Verdict
from streams.errors import UsageError
from streams.settings import load_settings
from streams.takedown.life import chained

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def post(name: str) -> PostRef:
    return PostRef(post_id=name, platform="test", url=f"https://example.org/{name}", published_at=NOW, seen_at=NOW)


def verdict(name: str, decision: Decision) -> Verdict:
    return Verdict(
        verdict_id=f"{name}-{decision}", post=post(name), case_id=CASE_ID if decision != "dismiss" else None,
        probability=1.0, decision=decision, reason="complete", act_at=0.9, review_at=0.5, policy_version="1",
        decided_at=NOW,
    )  # fmt: skip


def takedown(name: str, event: str = "issued") -> Takedown:
    made = Takedown(
        event_id=event, takedown_id=name, state="issued", post=post(name), case_id=CASE_ID, verdict_id="v",
        probability=1.0, act_at=0.9, policy_version="1", at=NOW,
    )  # fmt: skip
    return chained(made, None)


def letter(name: str, reason: str) -> DeadLetter:
    return DeadLetter(
        dead_letter_id="d", stage="decode", topic="posts", partition=0, offset=0, reason=reason, fate="unprocessable",
        detail="", key=name.encode(), at=NOW,
    )  # fmt: skip


def found(kind: Kind, *messages: Message, injected: int = 0) -> Findings:
    return compare({"a": kind}, messages, Counter({"issued": injected}), [])


def problems(findings: Findings) -> list[str]:
    return [name for name in ("lost", "wrong", "doubled", "set_aside") if getattr(findings, name)]


def test_each_kind_of_post_with_its_outcome_is_right() -> None:
    assert problems(found("copy", verdict("a", "act"), takedown("a"))) == []
    assert problems(found("mention", verdict("a", "review"))) == []
    assert problems(found("text", verdict("a", "dismiss"))) == []
    assert problems(found("broken", verdict("a", "dismiss"), letter("a", "link_gone"))) == []


def test_a_post_without_its_outcome_is_lost() -> None:
    assert problems(found("text")) == ["lost"]
    assert problems(found("copy", verdict("a", "dismiss"))) == ["lost"]
    assert problems(found("copy", verdict("a", "act"))) == ["lost"]
    assert problems(found("broken", verdict("a", "dismiss"))) == ["lost"]


def test_a_dead_letter_sets_a_post_aside_instead() -> None:
    assert problems(found("copy", letter("a", "stage_timeout"))) == ["set_aside"]


def test_an_outcome_of_another_kind_is_wrong() -> None:
    assert problems(found("text", verdict("a", "act"), takedown("a"))) == ["wrong"]
    assert problems(found("text", verdict("a", "dismiss"), takedown("a"))) == ["wrong"]


def test_a_second_takedown_is_doubled_unless_the_run_has_repeated_it() -> None:
    acted = (verdict("a", "act"), takedown("a"))
    assert problems(found("copy", *acted, takedown("a"))) == ["doubled"]
    assert problems(found("copy", *acted, takedown("a", event="other"))) == ["doubled"]
    assert problems(found("copy", verdict("a", "act"), msgspec.structs.replace(takedown("a"), hash=b"x"))) == [
        "doubled"
    ]
    assert problems(found("copy", *acted, takedown("a"), injected=1)) == []


def test_a_plan_is_the_same_for_its_seed_and_has_every_fault_as_often_as_asked_for() -> None:
    plan = make_plan(3, 40, ("outage", "pause"), rounds=2)
    assert plan == make_plan(3, 40, ("outage", "pause"), rounds=2) != make_plan(4, 40, ("outage", "pause"), rounds=2)
    kinds = Counter(fault.kind for fault in plan)
    assert kinds["outage"] == kinds["pause"] == 2
    assert sum(kinds[kind] for kind in KILLS) == 40


def test_a_stage_has_recovered_when_it_has_committed_what_waited_and_more() -> None:
    at = ("texts", 0)
    recovery = Recovery("kill", "text", since=0.0)
    for committed, end in ((5, 5), (5, 6), (6, 8)):
        recovery.update(Position({at: committed}, {at: end}))
        assert (recovery.seconds is not None) is (committed == 6)


def test_without_an_answer_of_the_broker_a_stage_has_neither_position_nor_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offsets, "_ANSWER_S", 0.2)
    reader = OffsetReader(load_settings(bootstrap_servers="127.0.0.1:1"))  # a port at which nothing serves
    assert (reader.position("text"), reader.state("text")) == (None, "")


NO_BROKER = load_settings(bootstrap_servers="127.0.0.1:9", start_grace_s=0)


@pytest.mark.parametrize("fault", [poison, oversize])
def test_records_that_no_broker_accepts_end_the_run(fault: Callable[[System, Planned], object], tmp_path: Path) -> None:
    system = System(tmp_path, None, NO_BROKER, {}, Media(tmp_path, "", "", ""), "")
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9"):
        fault(system, Planned(fault.__name__, "match", 0.0, 0.5))


def test_leaders_that_no_broker_elects_end_no_run() -> None:
    with pytest.raises(SkippedError, match="no election of leaders"):
        elect_leaders(NO_BROKER, answer_s=0.1)


def outcome(findings: Findings | None = None, deaths: Sequence[Death] = (), seconds: float | None = 1.0) -> Outcome:
    recoveries = [Recovery("kill", "text", since=0.0, seconds=seconds)]
    return Outcome(Counter(), Counter(kill=1), {}, 1, deaths, recoveries, findings or Findings())


@pytest.mark.parametrize(
    "harm",
    [
        outcome(Findings(lost=["a"])),
        outcome(Findings(wrong=["a"])),
        outcome(Findings(doubled=["a"])),
        outcome(Findings(states=["a"])),
        outcome(Findings(set_aside=Counter({"decode busy": 1}))),
        outcome(deaths=[Death("text", "kill", was_ready=True, log_end="")]),
        outcome(seconds=None),
    ],
)
def test_an_outcome_passes_only_without_any_harm(harm: Outcome) -> None:
    assert not passed(harm)


def test_a_refused_start_and_stops_by_design_are_no_deaths() -> None:
    refused = Death("text", "model_corrupt", was_ready=False, log_end="")
    stopped = [Death("match", fault, was_ready=True, log_end="") for fault in ("disk_full", LONG_OUTAGE)]
    found = outcome(deaths=[refused, *stopped])
    assert passed(found)
    made = figures(found)
    assert (made["worker_deaths"], made["refused_starts"], made["stops_by_design"]) == (0, 1, 2)
    assert not passed(outcome(deaths=[Death("match", "outage", was_ready=True, log_end="")]))


class Played:
    """What `outcomes` does: the number of a fault, and a comparison as a letter."""

    def __init__(self, *found: Outcome, stops_at: int | None = None) -> None:
        self._found, self._stops_at = iter(found), stops_at
        self.steps: list[int | str] = []

    def do(self, number: int, _: Planned) -> bool:
        self.steps.append(number)
        return number != self._stops_at

    def compare(self) -> Outcome:
        self.steps.append("c")
        return next(self._found)

    def play(self, n_faults: int, every: int = 2) -> list[Outcome]:
        return list(outcomes(make_plan(1, n_faults), every, self.do, self.compare))


def test_a_run_compares_after_every_so_many_faults_and_at_its_end() -> None:
    played = Played(*[outcome()] * 3)
    assert len(played.play(5)) == 3
    assert played.steps == [1, 2, "c", 3, 4, "c", 5, "c"]


def test_a_comparison_that_fails_ends_the_run() -> None:
    harm = outcome(Findings(lost=["a"]))
    played = Played(outcome(), harm)
    assert played.play(9)[-1] is harm
    assert played.steps == [1, 2, "c", 3, 4, "c"]


def test_a_run_whose_time_is_over_or_that_stands_still_compares_at_once() -> None:
    played = Played(*[outcome()] * 2, stops_at=3)
    assert len(played.play(9)) == 2
    assert played.steps == [1, 2, "c", 3, "c"]


def test_a_run_without_faults_compares_once() -> None:
    assert len(Played(outcome()).play(0)) == 1


def test_the_figures_can_be_written_before_there_are_any_of_hostile_media(tmp_path: Path) -> None:
    write_json(outcome(), None, tmp_path / "f.json", seed=1)
    assert "hostile_files" not in (written := json.loads((tmp_path / "f.json").read_text()))
    write_json(outcome(), {"hostile_files": 5}, tmp_path / "f.json", seed=1)
    assert json.loads((tmp_path / "f.json").read_text()) == {
        **written, "hostile_files": 5, "hostile_media": {"hostile_files": 5},
    }  # fmt: skip
