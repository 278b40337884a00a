"""Keys of packs."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from streams.audit.signing import fingerprint, is_signed, load_key, own_signer, public_pem
from streams.errors import UsageError
from streams.settings import load_settings


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "evidence.pem"
    first, second = load_key(file), load_key(file)
    assert public_pem(first) == public_pem(second)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["evidence.pem"]


def test_a_signature_is_of_one_key_and_one_text(tmp_path: Path) -> None:
    key, other = load_key(tmp_path / "a"), load_key(tmp_path / "b")
    signature = key.sign(b"text")
    assert is_signed(b"text", signature, public_pem(key))
    assert not is_signed(b"other", signature, public_pem(key))
    assert not is_signed(b"text", signature, public_pem(other))
    assert not is_signed(b"text", signature, b"no key")
    assert len(fingerprint(public_pem(key))) == 64


@pytest.mark.parametrize("name", ["JIKIMI_AUDIT_SIGNING_KEY_FILE", "JIKIMI_DELIVERY_SIGNING_KEY_FILE"])
def test_the_file_is_read_from_both_variables(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/keys/key.pem")
    assert load_settings().audit.key_file == Path("/keys/key.pem")


def test_the_file_is_in_the_folder_of_data_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = own_signer(load_settings())
    assert load_settings().audit.key_file == tmp_path / "jikimi" / "audit" / "signing-key.pem"
    assert own.key_id == own_signer(load_settings()).key_id == fingerprint(own.pem)[:16]


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load_key(tmp_path / "key")


def test_what_is_no_such_key_is_refused_in_one_line(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    other = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    for content in (b"", b"text", other, locked):
        file = tmp_path / "key"
        file.write_bytes(content)
        file.chmod(0o600)
        with pytest.raises(UsageError, match="JIKIMI_AUDIT_SIGNING_KEY_FILE"):
            load_key(file)
