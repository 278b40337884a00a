"""Acts of persons: signed, verified by the trusted keys, and refused without a person or a reason."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Act
from streams.audit import acts
from streams.audit.acts import write_act
from streams.audit.signatures import canonical, signature_fault
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import TrustedKeys, trusted_keys
from streams.errors import UsageError
from streams.kafka.producer import TopicWriter
from streams.settings import Settings, load_settings


class Recorded(TopicWriter):
    """Writer that keeps what is written, without a broker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.written: list[tuple[str, str, Any]] = []

    def write(self, topic: str, key: str, message: Any) -> None:
        self.written.append((topic, key, message))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(audit={"signing_key_file": tmp_path / "key"})


def written(settings: Settings) -> Act:
    writer = Recorded(settings)
    act = write_act(writer, "withdraw", "case-1", "officer-2", "she asked for it", "3 references")
    assert writer.written == [("acts", "case-1", act)]
    return act


def test_an_act_is_signed_with_the_own_key_and_survives_the_wire(settings: Settings) -> None:
    act = written(settings)
    read = Codec().decode(acts.TOPIC, Codec().encode(acts.TOPIC, act))
    assert isinstance(read, Act)
    assert (read.act, read.subject, read.by, read.why) == ("withdraw", "case-1", "officer-2", "she asked for it")
    assert read.key_id == own_signer(settings).key_id
    assert signature_fault(read, trusted_keys(settings)) is None


@pytest.mark.parametrize("field", ["act_id", "act", "subject", "by", "why", "detail", "key_id"])
def test_a_changed_field_is_a_wrong_signature(settings: Settings, field: str) -> None:
    keys, act = trusted_keys(settings), written(settings)
    forged = msgspec.structs.replace(act, **{field: "other"})
    assert signature_fault(forged, keys) == ("unknown key" if field == "key_id" else "wrong signature")


def test_an_unsigned_act_and_one_of_another_key_are_named(settings: Settings, tmp_path: Path) -> None:
    act, other = written(settings), load_settings(audit={"signing_key_file": tmp_path / "other"})
    assert signature_fault(msgspec.structs.replace(act, signature=b""), trusted_keys(settings)) == "unsigned"
    assert signature_fault(act, trusted_keys(other)) == "unknown key"


@pytest.mark.parametrize(("by", "why"), [("", "a reason"), ("officer", " ")])
def test_an_act_without_a_person_or_a_reason_is_refused(settings: Settings, by: str, why: str) -> None:
    with pytest.raises(UsageError, match="who does it and why"):
        write_act(Recorded(settings), "withdraw", "case-1", by, why)


def test_a_field_that_a_later_version_adds_leaves_the_signature_right(settings: Settings) -> None:
    act = written(settings)
    later = msgspec.defstruct("Later", [("place", str, "")], bases=(Act,), kw_only=True, frozen=True)
    assert canonical(later(**msgspec.structs.asdict(act))) == canonical(act)


def test_trusted_keys_are_read_from_a_file_and_from_a_folder(settings: Settings, tmp_path: Path) -> None:
    first = own_signer(settings)
    second = own_signer(load_settings(audit={"signing_key_file": tmp_path / "second"}))
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / "a.pem").write_bytes(first.pem)
    (folder / "b.pem").write_bytes(b"a comment\n" + second.pem + first.pem)
    for path in (folder, folder / "b.pem"):
        keys = trusted_keys(load_settings(audit={"trusted_keys": path}))
        assert set(keys.pems) == {first.key_id, second.key_id}
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing", settings.audit.key_file):
        with pytest.raises(UsageError, match="JIKIMI_AUDIT_TRUSTED_KEYS"):
            trusted_keys(load_settings(audit={"trusted_keys": path}))


def test_a_signature_of_one_domain_is_wrong_in_another(settings: Settings) -> None:
    signer = own_signer(settings)
    signature = signer.sign("one", b"body")
    keys = TrustedKeys([signer.pem])
    assert keys.fault(signer.key_id, signature, "one", b"body") is None
    assert keys.fault(signer.key_id, signature, "other", b"body") == "wrong signature"
