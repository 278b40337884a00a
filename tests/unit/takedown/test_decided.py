"""A person's label on a post and a case: what it does to their takedown, and who may undo it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast

import pytest

from schemas.ids import record_id
from schemas.messages import Label, LabelDecision, State, Takedown, Verdict
from streams.errors import UnprocessableError
from streams.takedown.decided import Decisions
from streams.takedown.issue import next_event
from streams.takedown.life import chained, step
from streams.takedown.quarantine import TakedownDecision
from tests.unit.made_messages import post_ref, removal, takedown, verdict
from tests.unit.takedown.test_quarantine import evidence_of
from tests.unit.takedown.test_reconciler import Rig as Reconciling

CASE, TAKEDOWN = "case-a", record_id("takedown", "p1", "case-a")
NOW = datetime.now(UTC)
REVIEW = verdict(decision="review", probability=0.7, evidence=[evidence_of("r1", 0.7), evidence_of("r2", 0.6)])
ISSUED, HELD = TakedownDecision("issued"), TakedownDecision("held", ["r1"])


def label(decision: LabelDecision, verdict: Verdict | None = REVIEW, case_id: str = CASE) -> Label:
    return Label(post_id="p1", case_id=case_id, decision=decision, reviewer="kim", at=NOW, note="seen", verdict=verdict)


class Rig(Reconciling):
    """Labels and verdicts on one post, over the topics and the reconciler of another rig."""

    def __init__(self, limit: int = 100) -> None:
        super().__init__(limit)
        self.decisions = Decisions(self.log.context, self.log, self.quarantine)
        self.offset = 0

    async def label(self, *decisions: LabelDecision, verdict: Verdict | None = REVIEW) -> None:
        for decision in decisions:
            self.offset += 1
            await self.apply(label(decision, verdict), self.offset)

    async def apply(self, message: Label, offset: int) -> None:
        async for output in self.decisions.apply(message, offset):
            assert (output.topic, output.key) == ("takedowns", TAKEDOWN)
            self.log.write(cast("Takedown", output.message))

    async def judge(self, decision: TakedownDecision = ISSUED, **changes: object) -> None:
        event = await next_event(self.log, verdict(**changes), CASE, decision)
        if event is not None:
            self.log.write(event)

    def move(self, *states: State) -> None:
        for state in states:
            self.log.write(step(self.last, state))

    @property
    def last(self) -> Takedown:
        return self.log.topic[-1]

    @property
    def life(self) -> list[State]:
        return [event.state for event in self.log.topic]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.log.stop()


async def test_a_copy_on_a_review_issues_the_takedown_on_its_verdict(rig: Rig) -> None:
    await rig.label("copy")
    event = rig.last
    assert (event.takedown_id, event.state, event.verdict_id) == (TAKEDOWN, "issued", REVIEW.verdict_id)
    assert (event.probability, event.evidence, event.post) == (0.7, REVIEW.evidence, REVIEW.post)
    assert (event.by, event.why) == ("kim", "seen")
    assert event.label is not None
    assert (event.label.decision, event.label.reviewer, event.label.at) == ("copy", "kim", NOW)
    assert chained(event, None) == event


async def test_a_copy_without_a_verdict_issues_nothing(rig: Rig) -> None:
    await rig.label("copy", "other", verdict=None)
    assert rig.life == []


async def test_a_held_takedown_is_issued_by_a_copy_also_without_a_verdict(rig: Rig) -> None:
    await rig.judge(HELD, evidence=[evidence_of("r1")])
    await rig.label("copy", verdict=None)
    assert rig.life == ["held", "issued"]
    assert rig.last.evidence == [evidence_of("r1")]


async def test_a_copy_does_not_count_towards_the_rate_limit_of_its_reference() -> None:
    small = Rig(limit=1)
    await small.label("copy")
    strong = verdict(evidence=[evidence_of("r1")])
    assert small.quarantine.decide(CASE, strong, datetime.now(UTC)).state == "issued"
    await small.log.stop()


@pytest.mark.parametrize("states", [[], ["sent"], ["sent", "refused"], ["removed"], ["gone_before_notice"]])
async def test_other_withdraws_whatever_was_issued(rig: Rig, states: list[State]) -> None:
    await rig.judge()
    rig.move(*states)
    await rig.label("other")
    assert rig.life == ["issued", *states, "withdrawn"]
    assert (rig.last.by, rig.last.why, rig.last.previous) == ("kim", "seen", rig.log.topic[-2].hash)


@pytest.mark.parametrize("decision", [ISSUED, HELD])
async def test_no_later_verdict_issues_or_holds_what_a_person_withdrew(rig: Rig, decision: TakedownDecision) -> None:
    await rig.judge()
    await rig.label("other")
    await rig.judge(decision, verdict_id="v2", probability=0.999)
    assert rig.life == ["issued", "withdrawn"]


async def test_other_on_a_review_prevents_the_takedown_of_a_later_verdict(rig: Rig) -> None:
    await rig.label("other")
    await rig.judge()
    assert rig.life == ["withdrawn"]
    assert rig.last.post == REVIEW.post


async def test_other_also_confirms_what_the_system_has_withdrawn(rig: Rig) -> None:
    await rig.judge()
    rig.move("withdrawn")
    await rig.label("other")
    await rig.judge(verdict_id="v2")
    assert rig.life == ["issued", "withdrawn", "withdrawn"]
    assert [event.by for event in rig.log.topic] == ["", "", "kim"]


async def test_the_last_of_two_labels_is_in_force(rig: Rig) -> None:
    await rig.label("copy", "other", "copy", "other", "other", "unsure")
    assert rig.life == ["issued", "withdrawn", "issued", "withdrawn"]


async def test_repeated_labels_change_nothing(rig: Rig) -> None:
    await rig.label("copy", "other")
    for offset, decision in ((1, "copy"), (2, "other"), (1, "copy")):
        await rig.apply(label(cast("LabelDecision", decision)), offset)
    assert rig.life == ["issued", "withdrawn"]
    rig.move("issued")  # by another basis
    await rig.apply(label("copy"), 1)
    assert rig.life == ["issued", "withdrawn", "issued"]


async def test_the_same_label_gives_the_same_event_id(rig: Rig) -> None:
    again = Rig()
    for each in (rig, again):
        await each.label("copy", "other")
    assert [event.event_id for event in again.log.topic] == [event.event_id for event in rig.log.topic]
    await again.log.stop()


@pytest.mark.parametrize("state", ["issued", "sent", "removed", "reappeared"])
async def test_a_copy_of_what_is_requested_or_gone_changes_nothing(rig: Rig, state: State) -> None:
    event = takedown(takedown_id=TAKEDOWN, state=state)
    rig.log.write(chained(event, None))
    await rig.label("copy")
    assert rig.life == [state]


async def test_unsure_changes_nothing(rig: Rig) -> None:
    await rig.judge()
    await rig.label("unsure")
    assert rig.life == ["issued"]


async def test_a_label_of_a_closed_case_changes_nothing(rig: Rig) -> None:
    rig.close(CASE)
    await rig.label("copy", "other")
    assert rig.life == []


async def test_a_copy_at_an_address_whose_takedown_is_pending_issues_no_second_one(rig: Rig) -> None:
    rig.log.write(chained(takedown(takedown_id="t0", post=post_ref("earlier")), None))
    await rig.label("copy")
    assert rig.life == ["issued"]


async def test_a_label_with_the_verdict_of_another_post_or_case_is_refused(rig: Rig) -> None:
    for wrong in (verdict(post=post_ref("p2")), verdict(case_id="case-b"), verdict(case_id=None)):
        with pytest.raises(UnprocessableError, match="another"):
            await rig.label("copy", verdict=wrong)


async def test_after_an_event_of_another_worker_the_label_is_applied_again(rig: Rig) -> None:
    await rig.judge()
    written = 0
    async for output in rig.decisions.apply(label("other"), 1):
        if not written:  # another worker's is in the topic before ours
            rig.move("sent")
        written += 1
        rig.log.write(cast("Takedown", output.message))
    assert written == 2
    assert (await rig.log.last_of(TAKEDOWN)) == rig.last
    assert rig.last.state == "withdrawn"


async def reconciled(rig: Rig) -> None:
    """Reconcile all takedowns, as after an assignment of partitions, and every event as it is applied."""
    for event in list(rig.log.topic):
        if (entry := rig.log.entry(event.takedown_id)) is not None:
            await rig.reconciler._reconcile(entry.row)


async def test_the_reconciler_keeps_a_copy_as_long_as_any_of_its_references_remains(rig: Rig) -> None:
    await rig.label("copy")
    rig.move("sent")
    rig.review("r1", "withdrawn")
    await reconciled(rig)
    assert rig.life == ["issued", "sent"]
    rig.review("r2", "withdrawn")
    await reconciled(rig)
    assert rig.life == ["issued", "sent", "withdrawn"]


async def test_without_a_persons_decision_the_rest_must_be_sufficient(rig: Rig) -> None:
    await rig.judge(evidence=[evidence_of("r1"), evidence_of("r2", 0.6)])
    rig.review("r1", "withdrawn")
    await reconciled(rig)
    assert rig.life == ["issued", "withdrawn"]


async def test_a_copy_on_references_that_are_all_withdrawn_issues_nothing(rig: Rig) -> None:
    for reference_id in ("r1", "r2"):
        rig.review(reference_id, "withdrawn")
    await rig.label("copy")
    assert rig.life == []


async def test_a_copy_overrides_the_quarantine_of_its_reference() -> None:
    small = Rig(limit=1)
    await small.judge(HELD, evidence=[evidence_of("r1")])
    await small.label("copy")
    await reconciled(small)
    assert small.life == ["held", "issued"]
    await small.log.stop()


async def test_the_reconciler_leaves_what_a_person_has_withdrawn(rig: Rig) -> None:
    await rig.label("other")
    rig.review("r1", "confirmed")
    await reconciled(rig)
    assert rig.life == ["withdrawn"]


async def test_a_copy_on_the_evidence_of_a_restored_account_is_kept(rig: Rig) -> None:
    await rig.label("copy")
    rig.log.write(step(rig.last, "removed", removal=removal()))
    rig.move("reappeared")
    rig.review("r1", "withdrawn")
    await reconciled(rig)
    assert rig.life == ["issued", "removed", "reappeared"]
