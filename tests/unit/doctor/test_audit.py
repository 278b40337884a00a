"""The doctor on the keys of the audit trail."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.messages import Act
from streams.audit import signatures
from streams.audit.signing import own_signer
from streams.doctor import audit
from streams.doctor.audit import audit_keys, newest_events
from streams.settings import load_settings
from streams.takedown.accepted import ACT, Acceptance
from streams.takedown.life import chained
from streams.takedown.signed import signed
from tests.unit.audit.made_topics import MadeTopics
from tests.unit.made_messages import takedown


def test_a_key_that_is_not_made_yet_is_well_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert audit_keys(load_settings(audit={"signing_key_file": file})).health == "ok"
    assert not file.exists()


def test_the_own_key_must_be_trusted(tmp_path: Path) -> None:
    own, other = ({"signing_key_file": tmp_path / name} for name in ("own", "other"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(own_signer(load_settings(audit=other)).pem)
    signer = own_signer(load_settings(audit=own))
    found = audit_keys(load_settings(audit=own | {"trusted_keys": trusted}))
    assert (found.health, signer.key_id in found.message) == ("wrong", True)
    trusted.write_bytes(trusted.read_bytes() + signer.pem)
    found = audit_keys(load_settings(audit=own | {"trusted_keys": trusted}))
    assert (found.health, "2 trusted" in found.message) == ("ok", True)


def test_a_key_that_everybody_can_read_is_wrong(tmp_path: Path) -> None:
    settings = load_settings(audit={"signing_key_file": tmp_path / "key"})
    own_signer(settings)
    (tmp_path / "key").chmod(0o644)
    assert audit_keys(settings).health == "wrong"


def test_an_event_that_does_not_verify_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(audit={"signing_key_file": tmp_path / "key"})
    thief = own_signer(load_settings(audit={"signing_key_file": tmp_path / "thief"}))
    topics, event = MadeTopics(), chained(takedown(), None)
    monkeypatch.setattr(audit, "RangeReader", lambda _, topic: topics.reader(topic))
    topics.write("takedowns", "t1", signed(event, own_signer(settings)))
    assert newest_events(settings).health == "ok"
    topics.write("takedowns", "t1", signed(event, thief))
    found = newest_events(settings)
    assert (found.health, f"{event.event_id} at 0@1: unknown key" in found.message) == ("wrong", True)


def test_what_a_person_accepted_is_well_and_what_comes_after_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(audit={"signing_key_file": tmp_path / "key"})
    own, thief = own_signer(settings), own_signer(load_settings(audit={"signing_key_file": tmp_path / "thief"}))
    topics, event = MadeTopics(), chained(takedown(), None)
    monkeypatch.setattr(audit, "RangeReader", lambda _, topic: topics.reader(topic))
    accepted = Act(
        act_id="a", act=ACT, subject=event.event_id, by="officer", why="looked", at=datetime.now(UTC),
        detail=Acceptance(event.takedown_id, 0, 1).detail(),
    )  # fmt: skip

    topics.write("takedowns", event.takedown_id, signed(event, thief))
    topics.write("acts", "x", signatures.signed(accepted, thief))
    assert newest_events(settings).health == "wrong", "nobody's act"
    topics.write("acts", "x", signatures.signed(accepted, own))
    found = newest_events(settings)
    assert (found.health, "1 that a person has accepted" in found.message) == ("ok", True)
    topics.write("takedowns", event.takedown_id, signed(event, thief))
    found = newest_events(settings)
    assert (found.health, found.message.startswith("1 of"), "at 0@1" in found.message) == ("wrong", True, True)
