"""A person's decision on a post: written for posts that were seen, applied to their takedowns, listed until then."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from os import environ
from typing import Any

import msgspec
import pytest

from schemas.messages import Label, LabelDecision, Message
from streams.cases.labels import what_follows, write_label
from streams.desk.hits.notify import HitGroup
from streams.desk.thumbnail import read_thumbnail
from streams.errors import UsageError
from tests.integration.made import entry
from tests.integration.system import System
from tests.integration.test_takedown import events_of, open_case, verdict, wait_until_processed, write_verdicts
from tests.support.deadline import until
from tests.unit.console.made_site import evidence


def label(post_id: str, case_id: str = "case-a", decision: LabelDecision = "copy") -> Label:
    return Label(post_id=post_id, case_id=case_id, decision=decision, reviewer="kim", at=datetime.now(UTC), note="seen")


def test_a_label_of_a_post_or_case_that_never_was_is_refused(system: System) -> None:
    system.write("cases", "case-a", entry("case-a"))
    system.write_raw("verdicts", "judged", b"not decoded")
    system.write_raw("posts", "seen", b"not decoded")
    system.flush()
    with pytest.raises(UsageError, match="no post never in the last 180 days"):
        write_label(system.settings, label("never"))
    with pytest.raises(UsageError, match="no case nobody"):
        write_label(system.settings, label("seen", "nobody"))
    for post_id in ("judged", "seen"):
        written = write_label(system.settings, label(post_id))
        assert "no verdict on this post and case" in what_follows(written)
    assert {kept.key for kept in system.records("labels")} == {"judged/case-a", "seen/case-a"}


def waiting(system: System) -> list[str]:
    answer = system.jikimi_here("reviews", "--json")
    assert answer.code == 0, answer.err
    return [review["verdict"]["post"]["post_id"] for review in json.loads(answer.out)]


def test_copy_on_a_review_issues_its_takedown_and_other_withdraws_it_for_good(system: System) -> None:
    open_case(system, "open")
    reviewed: dict[str, Any] = {"decision": "review", "probability": 0.7}
    write_verdicts(system, verdict("reviewed", "open", **reviewed), verdict("waits", "open", **reviewed))
    assert waiting(system) == ["reviewed", "waits"]
    system.worker("takedown")
    written = write_label(system.settings, label("reviewed", "open"))
    assert what_follows(written).startswith("the takedown is issued")
    until(lambda: bool(events_of(system, "reviewed", "open")))
    (issued,) = events_of(system, "reviewed", "open")
    assert (issued.state, issued.by, issued.why, issued.probability) == ("issued", "kim", "seen", 0.7)
    assert waiting(system) == ["waits"]
    write_label(system.settings, label("reviewed", "open", "other"))
    until(lambda: len(events_of(system, "reviewed", "open")) == 2)
    write_verdicts(system, verdict("reviewed", "open"))
    wait_until_processed(system, "open", "reviewed")
    assert [event.state for event in events_of(system, "reviewed", "open")] == ["issued", "withdrawn"]
    assert system.records("dead-letters") == []


def test_an_escalated_post_waits_for_another_reviewer(system: System) -> None:
    open_case(system, "open")
    write_verdicts(system, verdict("escalated", "open", decision="review", probability=0.7))
    written = write_label(system.settings, label("escalated", "open", "escalate"))
    assert what_follows(written).startswith("another person has to decide")
    with pytest.raises(UsageError, match="kim has escalated escalated: another reviewer has to decide"):
        write_label(system.settings, label("escalated", "open", "copy"))
    assert waiting(system) == ["escalated"]
    write_label(system.settings, msgspec.structs.replace(label("escalated", "open", "other"), reviewer="june"))
    assert waiting(system) == []


def test_one_picture_is_read_from_the_record_of_its_verdict(system: System) -> None:
    picture = evidence(thumbnail=b"blurred")
    looked_at = verdict("looked-at", "open", decision="review", evidence=[picture])
    write_verdicts(system, verdict("another", "open"), looked_at, verdict("later", "open"))
    assert read_thumbnail(system.settings, looked_at, 0, []) == b"blurred"
    never = verdict("never", "open", decision="review", evidence=[picture])
    with pytest.raises(UsageError, match="no longer retained"):
        read_thumbnail(system.settings, never, 0, [])


def test_hits_are_printed_as_they_come(system: System) -> None:
    write_verdicts(system, verdict("before", "open"))
    command = [sys.executable, "-m", "streams.cli", "watch", "--since", "1h", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**environ, **system.environment}) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        write_verdicts(system, verdict("before", "open"), verdict("after", "open", "review"))
        second = json.loads(watching.stdout.readline())
        watching.terminate()
    assert [(hit["what"], hit["post"]["post_id"]) for hit in (first, second)] == [
        ("act", "before"),
        ("review", "after"),
    ]


def next_of(group: HitGroup) -> Message:
    while (message := group.next()) is None:
        pass
    return message


def test_a_restarted_notifier_reads_on_from_what_it_has_sent(system: System) -> None:
    with closing(HitGroup(system.settings)) as group:
        until(lambda: group.next() is None and group.is_assigned)
        write_verdicts(system, verdict("one", "open"))
        assert next_of(group) == system.records("verdicts")[0].message
        group.commit()
        write_verdicts(system, verdict("two", "open"))
        next_of(group)  # killed before it was sent
    with closing(HitGroup(system.settings)) as group:
        assert next_of(group) == system.records("verdicts")[-1].message
