"""Deliveries from the issue of a takedown to the last look, on a made platform in simulated time."""

from itertools import pairwise

import pytest
from prometheus_client import REGISTRY

from streams.delivery.after_step import RETRIES_S
from streams.delivery.channels.channel import Answer
from streams.delivery.looks.look import Finding, Outcome
from tests.unit.delivery.made_delivery import DAY, HOUR, MAIL, MINUTE, WEBHOOK, KilledError, Rig
from tests.unit.made_messages import delivery


async def test_a_notice_is_sent_at_once_and_the_removal_proved_by_a_look() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    assert rig.state() == "acknowledged"
    assert rig.kinds() == [("look", "present"), ("attempt", "acknowledged")]
    rig.platform.shows["post-t1"] = False
    await rig.later(15 * MINUTE, MINUTE)
    last = await rig.log.last_of("t1")
    assert last is not None
    assert last.state == "removed"
    assert last.delivery is not None
    assert (last.delivery.kind, last.delivery.error) == ("look", "RecordNotFound")


async def test_what_is_gone_before_the_notice_needs_none() -> None:
    rig = Rig()
    rig.platform.shows["post-t1"] = False
    rig.issue()
    await rig.settle()
    assert (rig.state(), rig.platform.notices) == ("gone_before_notice", [])


async def test_after_a_removal_four_looks_follow_and_then_nothing_is_kept() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    rig.platform.shows["post-t1"] = False
    await rig.later(HOUR, MINUTE)
    n_looks = len(rig.platform.looks)
    await rig.later(31 * DAY)
    assert len(rig.platform.looks) - n_looks == 4
    assert rig.values == {}


async def test_a_post_that_is_back_reopens_its_takedown_with_a_new_notice() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    rig.platform.shows["post-t1"] = False
    await rig.later(HOUR, MINUTE)
    rig.platform.shows["post-t1"] = True
    await rig.later(DAY)
    assert [event.state for event in rig.log.topic] == [
        "issued", "acknowledged", "removed", "reappeared", "acknowledged",
    ]  # fmt: skip
    assert len({got.key for got in rig.platform.notices}) == 2


async def test_a_look_compares_with_the_last_that_found_the_post_else_with_the_first() -> None:
    rig = Rig()
    outcomes: list[Outcome] = ["unknown", "unknown", "present", "unknown", "gone"]
    rig.platform.findings = [Finding(outcome, "web", detail=f"look {n}") for n, outcome in enumerate(outcomes, 1)]
    rig.issue()
    await rig.later(2 * DAY)
    assert rig.platform.before[:5] == ["", "look 1", "look 1", "look 3", "look 3"]


async def test_notices_are_repeated_daily_up_to_the_platforms_limit() -> None:
    rig = Rig(max_notices=3, laws=["PLATFORM_TOS"])
    rig.issue()
    await rig.later(6 * DAY)
    assert [got.channel for got in rig.platform.notices] == [0, 0, 0]


async def test_an_overdue_takedown_is_escalated_and_persons_are_reminded() -> None:
    rig = Rig(max_notices=1)
    rig.issue()
    await rig.later(40 * DAY)
    assert [got.channel for got in rig.platform.notices] == [0, 1]
    kinds = rig.kinds()
    assert kinds.count(("escalation", "due")) == 1
    assert kinds.count(("reminder", "due")) == 5
    assert [event.state for event in rig.log.topic] == ["issued", "acknowledged", "escalated", "acknowledged"]
    escalation = next(one for one in rig.deliveries if one.kind == "escalation")
    assert escalation.due_at is not None
    assert escalation.at >= escalation.due_at
    assert "TakeItDown.ftc.gov" in escalation.detail


async def test_a_refusal_leads_to_the_next_channel_at_once() -> None:
    rig = Rig()
    rig.platform.answers = [Answer("refused", error="NotIllegal")]
    rig.issue()
    await rig.settle()
    assert [event.state for event in rig.log.topic] == ["issued", "refused", "escalated", "acknowledged"]
    assert [got.channel for got in rig.platform.notices] == [0, 1]


async def test_failed_attempts_are_repeated_with_growing_waits_and_then_the_channel_is_given_up() -> None:
    rig = Rig()
    rig.platform.answers = [Answer("failed", error="timeout")] * (len(RETRIES_S) + 1)
    rig.issue()
    await rig.later(2 * DAY, MINUTE)
    at = [one.at.timestamp() for one in rig.deliveries if one.kind == "attempt"]
    waits = [after - before for before, after in pairwise(at)]
    for waited, least in zip(waits, RETRIES_S, strict=False):
        assert least <= waited <= 1.5 * least + MINUTE
    assert [got.channel for got in rig.platform.notices][: len(RETRIES_S) + 2] == [0] * (len(RETRIES_S) + 1) + [1]


async def test_a_platform_that_asks_to_wait_is_not_asked_before() -> None:
    rig = Rig()
    rig.platform.answers = [Answer("failed", status=429, retry_after_s=5 * HOUR)]
    rig.issue()
    await rig.later(4.9 * HOUR, MINUTE)
    assert len(rig.platform.notices) == 1
    await rig.later(HOUR, MINUTE)
    assert rig.state() == "acknowledged"


async def test_nothing_is_sent_before_a_person_has_approved_it() -> None:
    rig = Rig(approve=True)
    rig.issue()
    await rig.later(DAY)
    assert rig.platform.notices == []
    approval = delivery(kind="approval", outcome="approved", number=0, by="officer-2", why="seen", at=rig.at())
    await rig.deliverer.apply_step(approval, 0)
    await rig.deliverer.apply_step(approval, 0)  # the same record again
    await rig.settle()
    assert [event.state for event in rig.log.topic] == ["issued", "approved", "acknowledged"]
    assert (rig.log.topic[1].by, rig.log.topic[1].why) == ("officer-2", "seen")


async def test_a_claim_of_removal_is_only_a_reason_to_look() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    rig.now += MINUTE
    await rig.deliverer.apply_step(delivery(kind="answer", outcome="gone", at=rig.at()), 0)
    await rig.settle()
    assert rig.state() == "acknowledged"
    rig.platform.shows["post-t1"] = False
    await rig.deliverer.apply_step(delivery(kind="answer", outcome="gone", at=rig.at()), 0)
    await rig.settle()
    assert rig.state() == "removed"


async def test_a_platform_has_no_say_in_the_takedowns_of_another() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    rig.now += MINUTE
    for platform, state in (("other", "acknowledged"), ("platform", "refused")):
        refusal = delivery(kind="answer", outcome="refused", channel=f"answers/{platform}", at=rig.at())
        await rig.deliverer.apply_step(refusal, 0)
        assert rig.state() == state


@pytest.mark.parametrize(("first", "state"), [(0, "acknowledged"), (1, "refused")], ids=["webhook", "mail"])
async def test_a_bounce_refuses_only_the_mail_that_is_in_use(first: int, state: str) -> None:
    rig = Rig(channels=[WEBHOOK, MAIL][first:])
    rig.issue()
    await rig.settle()
    rig.now += MINUTE
    await rig.deliverer.apply_step(delivery(kind="answer", outcome="refused", channel="mail", at=rig.at()), 0)
    assert rig.state() == state


async def test_a_dry_run_writes_one_notice_and_touches_no_platform_until_it_ends() -> None:
    rig = Rig(sends=False)
    rig.issue()
    await rig.later(3 * DAY)
    assert (rig.platform.notices, rig.platform.looks, rig.state()) == ([], [], "issued")
    rig.restart(sends=True)
    await rig.settle()
    assert rig.state() == "acknowledged"


async def test_a_withdrawn_takedown_is_let_alone() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    await rig.end("t1", "withdrawn")
    await rig.later(10 * DAY)
    assert (len(rig.platform.notices), rig.values) == (1, {})


async def test_a_removal_by_the_platforms_event_is_looked_at_too() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    await rig.end("t1", "removed")
    await rig.later(2 * HOUR, MINUTE)
    states = [event.state for event in rig.log.topic]
    assert states == ["issued", "acknowledged", "removed", "reappeared", "acknowledged"]  # it is still shown


async def test_minors_pass_all_others_under_back_pressure() -> None:
    rig = Rig()
    rig.platform.is_open = False
    for number in range(50):
        rig.issue(f"adult-{number}")
    await rig.settle()
    for number in range(3):
        rig.issue(f"minor-{number}", minor=True)
    await rig.settle()
    rig.platform.is_open = True
    await rig.settle()
    assert {got.takedown_id for got in rig.platform.notices[:3]} == {f"minor-{number}" for number in range(3)}
    assert len(rig.platform.notices) == 53


async def test_a_worker_that_dies_after_sending_repeats_the_same_notice() -> None:
    rig = Rig()
    rig.platform.dies_after_notice = True
    rig.issue()
    with pytest.raises(KilledError):
        await rig.settle()
    rig.platform.dies_after_notice = False
    rig.restart()
    await rig.settle()
    assert len(rig.platform.notices) == 2
    assert len(set(rig.platform.notices)) == 1  # the same idempotency key
    assert rig.state() == "acknowledged"


async def test_a_worker_without_the_partition_counts_no_open_delivery() -> None:
    rig = Rig()
    rig.issue()
    await rig.settle()
    count = REGISTRY.get_sample_value
    assert count("jikimi_deliveries_open") == 1
    rig.context.owned = lambda _: set()
    await rig.settle()
    assert count("jikimi_deliveries_open") == 0
