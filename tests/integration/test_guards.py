"""Guards on a real Kafka: a flood is held, then issued or withdrawn, over kills; allowed media are never found."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from schemas.ids import record_id
from schemas.messages import Takedown, Verdict
from streams.cases.entries import reference_key
from streams.desk.withdraw_case import withdraw_case
from streams.rights.person import current_person
from tests.integration.made import entry, footage, reference
from tests.integration.system import System, by_key
from tests.integration.test_match import live_matches, pairs, write_post, write_reference
from tests.integration.test_takedown import EVIDENCE, deletion, verdict, wait_until_processed, write_removals
from tests.support.deadline import until

LIMIT = 5
CASE, OTHER = "flooded", "other"


def limited(system: System, limit: int = LIMIT) -> System:
    system.environment["JIKIMI_QUARANTINE_POSTS"] = str(limit)
    return system


def open_case(system: System, case_id: str, *references: str) -> None:
    system.write("cases", case_id, entry(case_id))
    for number, name in enumerate(references):
        piece = reference(footage(number), name)
        system.write("cases", reference_key(case_id, piece), entry(case_id, piece))
    system.flush()


def acting_verdict(post_id: str, *references: str, case_id: str = CASE) -> Verdict:
    """Return a verdict to act that rests on each of these references alone."""
    evidence = [msgspec.structs.replace(EVIDENCE, reference_id=name) for name in references]
    return verdict(post_id, case_id, evidence=evidence, links=[f"t.me/{post_id}"])


def write_verdicts(system: System, verdicts: Sequence[Verdict]) -> None:
    for message in verdicts:
        system.write("verdicts", message.post.post_id, message)
    system.flush()


def events_of(system: System, post_id: str, case_id: str = CASE) -> list[Takedown]:
    return by_key(system.records("takedowns"), record_id("takedown", post_id, case_id))


def states(system: System, post_id: str, case_id: str = CASE) -> list[str]:
    return [event.state for event in events_of(system, post_id, case_id)]


def last_states(system: System) -> Counter[str]:
    last = {kept.key: kept.message.state for kept in system.records("takedowns")}
    return Counter(last.values())


def flood(system: System, n: int, first: int = 0) -> list[str]:
    """Write verdicts to act on n posts by one reference, and return when each has its event."""
    posts = [f"post-{number}" for number in range(first, first + n)]
    before = len(system.records("takedowns"))
    write_verdicts(system, [acting_verdict(post, "r1") for post in posts])
    system.wait("takedowns", lambda kept: len(kept) >= before + n)
    return posts


def test_a_flood_is_held_and_shown_and_issued_once_confirmed(system: System) -> None:
    open_case(limited(system), CASE, "r1", "r2")
    worker = system.worker("takedown")
    flood(system, 12)
    assert last_states(system) == {"issued": LIMIT, "held": 12 - LIMIT}
    held = next(kept.message for kept in system.records("takedowns") if kept.message.state == "held")
    assert (held.held_for, held.links) == (["r1"], [f"t.me/{held.post.post_id}"])
    # A post with sufficient evidence from another reference is issued.
    write_verdicts(system, [acting_verdict("both", "r1", "r2")])
    until(lambda: states(system, "both") == ["issued"])
    shown = system.jikimi_here("case", "quarantine").out
    assert shown.splitlines()[1].split()[:2] == [CASE, "r1"]
    assert shown.split()[-1] == str(12 - LIMIT)
    assert "takedowns held: confirm or deconfirm it" in system.jikimi_here("case", "show", CASE).out
    worker.kill()  # held takedowns are not in the worker's memory only
    worker.start()
    worker.wait_until_ready()
    flood(system, 3, first=12)
    assert last_states(system)["held"] == 15 - LIMIT
    answer = system.jikimi_here("case", "confirm", CASE, "r1", "--why", "looked at three", "--officer", "ann")
    assert (answer.code, answer.out) == (0, "")
    until(lambda: last_states(system) == {"issued": 16})
    flood(system, 10, first=20)
    assert last_states(system) == {"issued": 26}
    assert "r1  confirmed by ann" in system.jikimi_here("case", "show", CASE).out
    assert len(system.jikimi_here("case", "quarantine").out.splitlines()) == 1


def test_no_held_takedown_is_lost_or_issued_twice_over_kills(system: System) -> None:
    open_case(limited(system), CASE, "r1")
    worker = system.worker("takedown")
    posts = [f"post-{number}" for number in range(60)]
    write_verdicts(system, [acting_verdict(post, "r1") for post in posts])
    system.wait("takedowns", lambda kept: len(kept) >= 20)
    worker.kill()  # amid the flood
    worker.start()
    system.wait("takedowns", lambda kept: len(kept) >= 60)
    assert last_states(system) == {"issued": LIMIT, "held": 60 - LIMIT}
    assert system.jikimi_here("case", "confirm", CASE, "r1").code == 0
    system.wait("takedowns", lambda kept: len(kept) >= 75)
    worker.kill()  # amid the release
    worker.start()
    until(lambda: last_states(system) == {"issued": 60})
    write_verdicts(system, [acting_verdict(post, "r1") for post in posts])
    flood(system, 1, first=100)
    assert worker.stop() == 0
    assert all(states(system, post) in (["issued"], ["held", "issued"]) for post in posts)
    events = [kept.message.event_id for kept in system.records("takedowns")]
    assert len(set(events)) == len(events)


def test_a_case_acts_only_once_another_person_has_confirmed_it(system: System) -> None:
    system.environment["JIKIMI_FOUR_EYES"] = "true"
    me = current_person(system.settings).name
    open_case(system, CASE, "r1")
    system.write("cases", CASE, msgspec.structs.replace(entry(CASE), opened_by=me))
    system.worker("takedown")
    flood(system, 2)
    assert last_states(system) == {"held": 2}
    assert all(kept.message.held_for == [CASE] for kept in system.records("takedowns"))
    assert "waits for a second person" in system.jikimi_here("case", "list").out
    refused = system.jikimi_here("case", "confirm", CASE, "--officer", "another-pseudonym")
    assert (refused.code, f"{me} opened {CASE}" in refused.err) == (2, True)
    system.write("cases", CASE, msgspec.structs.replace(entry(CASE), opened_by="kim"))
    system.flush()
    confirmed = system.jikimi_here("case", "confirm", CASE, "--why", "saw the files", "--officer", "ann")
    assert (confirmed.code, "JIKIMI_AUDIT_TRUSTED_KEYS" in confirmed.err) == (0, True)
    until(lambda: last_states(system) == {"issued": 2})
    flood(system, 1, first=10)
    assert last_states(system) == {"issued": 3}
    shown = system.jikimi_here("case", "show", CASE).out
    assert f"opened by kim, confirmed by {me}" in shown
    assert "takedowns are held" not in shown
    acts = [kept.message for kept in system.records("acts")]
    assert [(act.act, act.subject, act.by) for act in acts] == [("confirm", CASE, me)] * 3
    assert ["failed" in act.detail for act in acts] == [False, True, False]
    assert (acts[-1].why, acts[-1].detail) == ("saw the files", "as ann")


def test_withdrawing_a_reference_withdraws_takedowns_that_rest_on_it_alone(system: System) -> None:
    open_case(limited(system), CASE, "r1", "r2")
    match, takedown = system.worker("match", "match"), system.worker("takedown", "takedown")
    write_post(system, "before", 0)
    system.flush()
    system.wait("scores", lambda kept: ("before", CASE) in pairs(kept))
    write_verdicts(system, [acting_verdict("both", "r1", "r2"), acting_verdict("second", "r2")])
    posts = flood(system, 12)
    sent, kept_back = (next(post for post in posts if states(system, post) == [state]) for state in ("issued", "held"))
    write_removals(system, deletion(sent), deletion(kept_back))
    until(lambda: last_states(system)["removed"] == 2)
    answer = system.jikimi_here("case", "deconfirm", CASE, "r1", "--why", "a test card")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "1 entries erased"), answer.err
    until(lambda: last_states(system) == {"withdrawn": 12, "issued": 2})
    assert states(system, "both") == states(system, "second") == ["issued"]
    assert states(system, sent) == ["issued", "removed", "withdrawn"]
    # It no longer matches, and a verdict in flight brings no takedown.
    write_post(system, "marker", 40)
    write_reference(system, "marker", 40)
    system.flush()
    system.wait("scores", lambda kept: ("marker", "marker") in pairs(kept))
    write_post(system, "after", 0)
    assert live_matches(system, "after") == []
    open_case(system, OTHER, "r1")
    write_verdicts(system, [acting_verdict("in-flight", "r1")])
    wait_until_processed(system, OTHER, "in-flight")
    assert states(system, "in-flight") == []
    # A withdrawn takedown is issued again when another reference is found in the post.
    write_verdicts(system, [acting_verdict(sent, "r1", "r2")])
    until(lambda: states(system, sent)[-2:] == ["withdrawn", "issued"])
    assert "r1  withdrawn by desk" in system.jikimi_here("case", "show", CASE).out
    refused = system.jikimi_here("case", "confirm", CASE, "r1")
    assert (refused.code, "was withdrawn by desk" in refused.err) == (2, True)
    assert system.jikimi_here("case", "deconfirm", CASE, "r1").out.startswith("0 entries erased\n")
    match.check()
    takedown.check()


def test_closing_a_case_ends_its_quarantine(system: System) -> None:
    open_case(limited(system), CASE, "r1")
    system.worker("takedown")
    flood(system, 8)
    withdraw_case(system.settings, CASE)
    until(lambda: last_states(system) == {"withdrawn": 8})
    assert len(system.jikimi_here("case", "quarantine").out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["confirm", CASE, "no-such"], "jikimi case show"),
        (["deconfirm", "no-such", "r1"], "no reference r1 in no-such"),
        (["confirm", "harmless", "r1"], "is an allow-list"),
    ],
)
def test_a_usage_error_is_one_line_and_writes_nothing(shared: System, arguments: list[str], line: str) -> None:
    open_case(shared, CASE, "r1")
    allow(shared, "harmless", 7)
    answer = shared.jikimi_here("case", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert line in answer.err
    assert len(answer.err.splitlines()) == 1
    assert shared.records("standings") == []


def allow(system: System, case_id: str, seed: int) -> None:
    piece = reference(footage(seed))
    system.write("cases", reference_key(case_id, piece), msgspec.structs.replace(entry(case_id, piece), benign=True))
    system.flush()


def test_allowed_media_are_found_neither_live_nor_late(system: System) -> None:
    system.worker("match")
    write_post(system, "before", 1)
    assert live_matches(system, "before") == []
    allow(system, "harmless", 1)
    # A reference written after it: once that is live and searched in the archive, the allow-list has been applied.
    write_post(system, "marker", 2)
    write_reference(system, "marker", 2)
    system.flush()
    system.wait("scores", lambda kept: ("marker", "marker") in pairs(kept))
    write_post(system, "after", 1)
    assert live_matches(system, "after") == []
    assert {case_id for _, case_id in pairs(system.records("scores"))} == {"marker"}
    assert system.records("dead-letters") == []
