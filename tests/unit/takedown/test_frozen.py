"""An event that does not verify freezes its takedown until a person accepts what is there."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.ids import record_id
from schemas.messages import Act, Takedown
from streams.audit import signatures
from streams.audit.signing import own_signer
from streams.errors import UnprocessableError, UsageError
from streams.settings import load_settings
from streams.takedown.accepted import Acceptance
from streams.takedown.issue import next_event
from streams.takedown.life import chained, step
from streams.takedown.quarantine import TakedownDecision
from streams.takedown.signed import signed
from streams.telemetry import metrics
from tests.unit.made_messages import takedown, verdict
from tests.unit.takedown.made_log import MadeLog

ISSUED = chained(takedown(), None)
SENT = step(ISSUED, "sent", "a")
REMOVED = step(SENT, "removed", "b")


def of_a_thief(event: Takedown, folder: Path) -> Takedown:
    return signed(event, own_signer(load_settings(audit={"signing_key_file": folder / "thief"})))


def changed(log: MadeLog, event: Takedown) -> Takedown:
    """Return an event whose content was changed after it was signed."""
    return msgspec.structs.replace(log.signed(event), state="withdrawn")


def fault_of(log: MadeLog, event: Takedown) -> str:
    with pytest.raises(UnprocessableError) as refused:
        log.require_unfrozen(event.takedown_id)
    assert refused.value.reason == "takedown_frozen"
    assert event.event_id in refused.value.detail
    return refused.value.detail


def accepts(log: MadeLog, until: int, **changes: Any) -> Act:
    """Return an act of a person that accepts what is there of the takedown before an offset."""
    fields = {"act": "accept", "subject": "e2", "by": "officer", "why": "looked", "at": datetime.now(UTC)} | changes
    detail = Acceptance(ISSUED.takedown_id, 0, until).detail()
    return signatures.signed(Act(act_id="a1", detail=detail, **fields), log.signer)  # type: ignore[arg-type]


BAD: dict[str, tuple[Callable[[MadeLog, Path], Takedown], str]] = {
    "altered": (lambda log, _: changed(log, SENT), "hash of its content"),
    "forged": (lambda _, folder: of_a_thief(SENT, folder), "unknown key"),
    "signature of another event": (
        lambda log, _: msgspec.structs.replace(SENT, key_id=log.signer.key_id, signature=log.signed(ISSUED).signature),
        "wrong signature",
    ),
    "unsigned": (lambda *_: SENT, "unsigned"),
    "after a gap": (lambda log, _: log.signed(REMOVED), "an event before it is missing"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_event_that_does_not_verify_freezes_its_takedown(kind: str, tmp_path: Path) -> None:
    log = MadeLog()
    log.write(ISSUED)
    make, reason = BAD[kind]
    event = make(log, tmp_path)
    log.write_as_it_is(event)
    assert reason in fault_of(log, event)
    assert metrics.TAKEDOWNS_FROZEN._value.get() == 1
    assert log.state(ISSUED.takedown_id) == "issued", "the last event that verifies is its state"
    with pytest.raises(UnprocessableError):
        asyncio.run(log.last_of(ISSUED.takedown_id))


@pytest.mark.parametrize("kind", BAD)
def test_a_person_lets_it_go_on_from_the_last_event_that_verifies_also_after_a_restart(
    kind: str, tmp_path: Path
) -> None:
    log = MadeLog()
    thawed: list[str] = []
    log.listen_thaws(thawed.append)
    log.write(ISSUED)
    log.write_as_it_is(BAD[kind][0](log, tmp_path))
    log.acceptances.apply(accepts(log, until=2))
    assert thawed == [ISSUED.takedown_id]
    assert metrics.TAKEDOWNS_FROZEN._value.get() == 0
    log.write(step(ISSUED, "sent", "again"))
    restarted = MadeLog()
    restarted.acceptances.apply(accepts(log, until=2))
    for event in log.topic:
        restarted.write_as_it_is(event)
    for one in (log, restarted):
        last = asyncio.run(one.last_of(ISSUED.takedown_id))
        assert last is not None
        assert last.state == "sent"


def test_what_comes_after_an_acceptance_freezes_it_again(tmp_path: Path) -> None:
    log = MadeLog()
    log.write(ISSUED)
    log.write_as_it_is(of_a_thief(SENT, tmp_path))
    log.acceptances.apply(accepts(log, until=2))
    log.write_as_it_is(of_a_thief(SENT, tmp_path))
    fault_of(log, SENT)


@pytest.mark.parametrize("changes", [{"act": "label"}, {"by": ""}, {"why": ""}])
def test_another_act_or_one_of_nobody_accepts_nothing(changes: dict[str, str], tmp_path: Path) -> None:
    log = MadeLog()
    log.write(ISSUED)
    log.write_as_it_is(of_a_thief(SENT, tmp_path))
    log.acceptances.apply(accepts(log, until=2, **changes))
    log.acceptances.apply(msgspec.structs.replace(accepts(log, until=2), by="somebody else"))
    log.acceptances.apply(accepts(log, until=1))
    fault_of(log, SENT)


def test_repeats_and_events_written_at_the_same_time_freeze_nothing() -> None:
    log = MadeLog()
    for event in (ISSUED, SENT, step(ISSUED, "acknowledged", "at the same time"), ISSUED, SENT, REMOVED):
        log.write(event)
    log.require_unfrozen(ISSUED.takedown_id)
    assert log.state(ISSUED.takedown_id) == "removed"


def test_unsigned_events_of_earlier_versions_are_taken_until_the_first_signed_one() -> None:
    log = MadeLog()
    other = chained(takedown(takedown_id="t-old"), None)
    for event in (ISSUED, other):
        log.write_as_it_is(msgspec.structs.replace(event, sequence=0))
    log.write(step(msgspec.structs.replace(ISSUED, sequence=0), "sent", "a"))
    assert log.state(ISSUED.takedown_id) == "sent"
    log.require_unfrozen(other.takedown_id)
    log.write_as_it_is(step(other, "removed", "b"))
    with pytest.raises(UnprocessableError):
        log.require_unfrozen(other.takedown_id)


def test_a_forged_first_event_keeps_a_verdict_from_being_taken_for_dealt_with(tmp_path: Path) -> None:
    log = MadeLog()
    log.write(chained(takedown(takedown_id="t-other"), None))
    seen = verdict(case_id="case")

    forged = chained(takedown(takedown_id=record_id("takedown", seen.post.post_id, "case")), None)
    log.write_as_it_is(of_a_thief(forged, tmp_path))
    with pytest.raises(UnprocessableError, match="redrive"):
        asyncio.run(next_event(log, seen, "case", TakedownDecision("issued")))


def test_a_process_whose_own_key_is_not_trusted_does_not_start(tmp_path: Path) -> None:
    other = own_signer(load_settings(audit={"signing_key_file": tmp_path / "other"}))
    (tmp_path / "trusted").write_bytes(other.pem)
    with pytest.raises(UsageError, match="JIKIMI_AUDIT_TRUSTED_KEYS"):
        MadeLog(settings=load_settings(bootstrap_servers="127.0.0.1:9", audit={"trusted_keys": tmp_path / "trusted"}))
