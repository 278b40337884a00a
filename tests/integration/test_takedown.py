"""Takedown on a real Kafka: one record per state change, over repeats, kills and withdrawals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.ids import record_id
from schemas.messages import Evidence, Interval, Removal, Takedown, Verdict
from streams.demo.processes import Worker
from streams.desk.withdraw_case import withdraw_case
from streams.takedown.life import chained
from tests.integration.made import POLICY, entry, post_ref
from tests.integration.system import System, by_key
from tests.support.deadline import until

EVIDENCE = Evidence(
    modality="visual",
    model="made",
    version="1",
    reference_id="r1",
    medium=0,
    score=0.97,
    probability=0.99,
    query=Interval(start_s=1.0, end_s=9.0),
    reference=Interval(start_s=3.0, end_s=11.0),
    thumbnail=b"blurred",
)


def verdict(post_id: str, case_id: str | None, decision: str = "act", **changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "verdict_id": record_id("verdict", post_id, case_id, decision, POLICY.version),
        "post": post_ref(post_id),
        "case_id": case_id,
        "probability": 0.99,
        "decision": decision,
        "reason": "complete",
        "act_at": POLICY.act,
        "review_at": POLICY.review,
        "policy_version": POLICY.version,
        "evidence": [EVIDENCE],
        "decided_at": datetime.now(UTC),
    }
    return Verdict(**fields | changes)


def open_case(system: System, case_id: str) -> None:
    system.write("cases", case_id, entry(case_id))
    system.flush()


def write_verdicts(system: System, *verdicts: Verdict) -> None:
    for message in verdicts:
        system.write("verdicts", message.post.post_id, message)
    system.flush()


def events_of(system: System, post_id: str, case_id: str) -> list[Takedown]:
    """Return the events of a takedown until now."""
    return by_key(system.records("takedowns"), record_id("takedown", post_id, case_id))


def wait_until_processed(system: System, case_id: str, post_id: str) -> None:
    """Return when every earlier verdict in the partition of this post has been processed."""
    partition = next(kept.partition for kept in system.records("verdicts") if kept.key == post_id)
    # The marker lies in the same partition and comes after.
    number = 0
    while True:
        marker = f"marker-{post_id}-{number}"
        write_verdicts(system, verdict(marker, case_id))
        if next(kept.partition for kept in system.records("verdicts") if kept.key == marker) == partition:
            break
        number += 1
    until(lambda: bool(events_of(system, marker, case_id)))


@pytest.fixture(scope="module")
def takedown(shared: System) -> Worker:
    open_case(shared, "open")
    return shared.worker("takedown")


@pytest.mark.usefixtures("takedown")
def test_a_verdict_to_act_becomes_one_issued_event_with_its_evidence(shared: System) -> None:
    acted = verdict("acted", "open")
    write_verdicts(shared, acted)
    until(lambda: bool(events_of(shared, "acted", "open")))
    (event,) = events_of(shared, "acted", "open")
    assert (event.state, event.verdict_id, event.probability) == ("issued", acted.verdict_id, 0.99)
    assert event.evidence == [EVIDENCE]
    assert (event.act_at, event.policy_version) == (POLICY.act, POLICY.version)
    assert event.post == acted.post
    assert chained(event, None) == event


@pytest.mark.usefixtures("takedown")
def test_a_repeated_verdict_and_one_raised_later_make_no_second_takedown(shared: System) -> None:
    raised = verdict("repeated", "open", verdict_id="another", reason="late", probability=0.999)
    first = verdict("repeated", "open")
    write_verdicts(shared, verdict("repeated", "open", "review"), first, first, first, raised, first)
    wait_until_processed(shared, "open", "repeated")
    (event,) = events_of(shared, "repeated", "open")
    assert event.verdict_id == first.verdict_id


@pytest.mark.usefixtures("takedown")
def test_only_a_verdict_to_act_on_an_open_case_takes_anything_down(shared: System) -> None:
    weaker = [verdict("spared", "open", "review"), verdict("spared", "open", "dismiss")]
    write_verdicts(shared, *weaker, verdict("spared", "no such case"), verdict("spared", None))
    wait_until_processed(shared, "open", "spared")
    assert not [kept for kept in shared.records("takedowns") if kept.message.post.post_id == "spared"]
    assert shared.records("dead-letters") == []


@pytest.mark.usefixtures("takedown")
def test_one_post_may_be_taken_down_for_two_cases(shared: System) -> None:
    open_case(shared, "other")
    write_verdicts(shared, verdict("both", "open"), verdict("both", "other"))
    until(lambda: bool(events_of(shared, "both", "open") and events_of(shared, "both", "other")))


@pytest.mark.usefixtures("takedown")
def test_withdrawing_a_case_withdraws_its_takedowns_and_prevents_later_ones(shared: System) -> None:
    open_case(shared, "withdrawn")
    write_verdicts(shared, *(verdict(f"pending-{number}", "withdrawn") for number in range(3)), verdict("kept", "open"))
    until(lambda: all(events_of(shared, f"pending-{number}", "withdrawn") for number in range(3)))
    assert withdraw_case(shared.settings, "withdrawn") == 1
    until(lambda: all(len(events_of(shared, f"pending-{number}", "withdrawn")) == 2 for number in range(3)))
    issued, withdrawn = events_of(shared, "pending-0", "withdrawn")
    assert (issued.state, withdrawn.state) == ("issued", "withdrawn")
    assert withdrawn.previous == issued.hash
    assert chained(withdrawn, issued) == withdrawn
    assert chained(msgspec.structs.replace(withdrawn, probability=0.1), issued).hash != withdrawn.hash
    write_verdicts(shared, verdict("pending-0", "withdrawn"), verdict("too-late", "withdrawn"))
    wait_until_processed(shared, "open", "pending-0")
    wait_until_processed(shared, "open", "too-late")
    assert len(events_of(shared, "pending-0", "withdrawn")) == 2
    assert events_of(shared, "too-late", "withdrawn") == []
    assert [event.state for event in events_of(shared, "kept", "open")] == ["issued"]


def deletion(post_id: str, **changes: Any) -> Removal:
    """Return a removal: the platform has deleted a post."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "removal_id": record_id("removal", post_id, changes),
        "platform": "made",
        "kind": "post_deleted",
        "url": post_ref(post_id).url,
        "at": now,
        "seen_at": now,
    }
    return Removal(**fields | changes)


def write_removals(system: System, *removals: Removal) -> None:
    for message in removals:
        system.write("removals", message.url or f"{message.platform}/{message.author}", message)
    system.flush()


def states(system: System, post_id: str, case_id: str) -> list[str]:
    return [event.state for event in events_of(system, post_id, case_id)]


@pytest.mark.usefixtures("takedown")
def test_removals_are_joined_in_either_order(shared: System) -> None:
    posts = [f"removed-{number}" for number in range(12)]
    write_verdicts(shared, *(verdict(post, "open") for post in posts[:6]))
    until(lambda: all(states(shared, post, "open") == ["issued"] for post in posts[:6]))
    deletions = [deletion(post) for post in posts]
    later = [msgspec.structs.replace(each, seen_at=datetime.now(UTC) + timedelta(minutes=1)) for each in deletions]
    write_removals(shared, *later, *later)
    until(lambda: all(states(shared, post, "open") == ["issued", "removed"] for post in posts[:6]))
    write_verdicts(shared, *(verdict(post, "open") for post in posts))
    until(lambda: all(states(shared, post, "open") == ["issued", "removed"] for post in posts))
    issued, removed = events_of(shared, posts[0], "open")
    assert removed.removal == later[0]
    assert chained(removed, issued) == removed
    assert shared.records("dead-letters") == []


@pytest.mark.usefixtures("takedown")
def test_a_removed_and_restored_account_is_followed(shared: System) -> None:
    post = msgspec.structs.replace(post_ref("account"), author="somebody")
    write_verdicts(shared, verdict("account", "open", post=post))
    until(lambda: states(shared, "account", "open") == ["issued"])
    account: dict[str, Any] = {"url": None, "author": "somebody"}
    write_removals(shared, deletion("account", kind="account_gone", status="takendown", **account))
    until(lambda: states(shared, "account", "open") == ["issued", "removed"])
    write_removals(shared, deletion("account", kind="account_back", **account))
    until(lambda: states(shared, "account", "open") == ["issued", "removed", "reappeared"])
    write_removals(shared, deletion("account", kind="account_gone", status="deleted", **account))
    until(lambda: states(shared, "account", "open") == ["issued", "removed", "reappeared", "removed"])


@pytest.mark.usefixtures("takedown")
def test_an_edited_post_has_no_second_takedown_and_a_new_post_at_its_url_has_one(shared: System) -> None:
    url = "https://made.example/edited"
    versions = [msgspec.structs.replace(post_ref(f"edited-{number}"), url=url) for number in range(3)]
    write_verdicts(shared, verdict("edited-0", "open", post=versions[0]))
    until(lambda: states(shared, "edited-0", "open") == ["issued"])
    write_verdicts(shared, verdict("edited-1", "open", post=versions[1]))
    wait_until_processed(shared, "open", "edited-1")
    assert states(shared, "edited-1", "open") == []
    write_removals(shared, deletion("edited", url=url))
    until(lambda: states(shared, "edited-0", "open") == ["issued", "removed"])
    write_verdicts(
        shared, verdict("edited-2", "open", post=msgspec.structs.replace(versions[2], seen_at=datetime.now(UTC)))
    )
    until(lambda: states(shared, "edited-2", "open") == ["issued"])


def test_no_step_is_written_twice_over_kills(system: System) -> None:
    open_case(system, "stays")
    open_case(system, "goes")
    posts = [f"post-{number}" for number in range(24)]
    write_verdicts(system, *(verdict(post, case_id) for post in posts for case_id in ("stays", "goes")))
    worker = system.worker("takedown")
    system.wait("takedowns", lambda kept: len(kept) >= 10)
    worker.kill()  # amid the verdicts, most of what was issued not yet committed
    write_verdicts(system, *(verdict(post, "stays") for post in posts))
    worker.start()
    system.wait("takedowns", lambda kept: len(kept) >= 48)
    withdraw_case(system.settings, "goes")
    system.wait("takedowns", lambda kept: len(kept) >= 55)
    worker.kill()  # amid the withdrawals
    worker.start()
    worker.wait_until_ready()
    system.wait("takedowns", lambda kept: len(kept) >= 72)
    write_verdicts(system, *(verdict(post, case_id) for post in posts for case_id in ("stays", "goes")))
    wait_until_processed(system, "stays", "post-0")
    assert worker.stop() == 0
    for post in posts:
        assert [event.state for event in events_of(system, post, "stays")] == ["issued"]
        issued, withdrawn = events_of(system, post, "goes")
        assert withdrawn.previous == issued.hash
    assert len({kept.message.event_id for kept in system.records("takedowns")}) == len(system.records("takedowns"))
