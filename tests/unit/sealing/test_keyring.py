import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tink.testing import fake_kms

from streams.errors import TransientError, UnprocessableError, UsageError
from streams.sealing import keyring as keyring_module
from streams.sealing import master_key, rotation
from streams.sealing.keyring import Keyring, key_id_of, place
from streams.sealing.purposes import PURPOSES
from tests.unit.sealing.made import aged, settings

WHERE = place("frames.jpeg", "post-1", 0, 0, 1.5)


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the file at every use."""
    monkeypatch.setattr(keyring_module, "_LOOK_S", 0.0)
    monkeypatch.setattr(keyring_module, "_SOON_S", 0.0)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(settings(tmp_path_factory.mktemp("ring")))


@given(content=st.binary(max_size=4096), purpose=st.sampled_from(PURPOSES))
def test_what_was_sealed_unseals_at_its_place(ring: Keyring, content: bytes, purpose: Any) -> None:
    sealed = ring.seal(purpose, content, WHERE)
    assert ring.unseal(purpose, sealed, WHERE) == content
    assert len(sealed) == len(content) + 48
    assert len(content) < 16 or content not in sealed


@given(st.data())
def test_a_changed_bit_is_found_wherever_it_is(ring: Keyring, data: st.DataObject) -> None:
    sealed = bytearray(ring.seal("media", b"a picture", WHERE))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((UnprocessableError, TransientError)) as raised:
        ring.unseal("media", bytes(sealed), WHERE)
    expected = "seal_missing" if bit < 24 else "seal_unknown_key" if 32 <= bit < 64 else "seal_broken"
    assert raised.value.reason in {expected, "seal_unknown_key"}
    assert "picture" not in raised.value.detail


@given(st.data())
def test_shortened_bytes_do_not_unseal(ring: Keyring, data: st.DataObject) -> None:
    sealed = ring.seal("media", b"a picture", WHERE)
    with pytest.raises(UnprocessableError):
        ring.unseal("media", sealed[: data.draw(st.integers(0, len(sealed) - 1))], WHERE)


@pytest.mark.parametrize(
    "other",
    [
        place("frames.thumbnail", "post-1", 0, 0, 1.5), place("frames.jpeg", "post-2", 0, 0, 1.5),
        place("frames.jpeg", "post-1", 1, 0, 1.5), place("frames.jpeg", "post-1", 0, 1, 1.5),
        place("frames.jpeg", "post-1", 0, 0, 2.5), place("frames.jpeg", "post-1", 0, 0, 1.5, ""),
    ],
)  # fmt: skip
def test_moved_bytes_do_not_unseal(ring: Keyring, other: bytes) -> None:
    with pytest.raises(UnprocessableError) as raised:
        ring.unseal("media", ring.seal("media", b"a picture", WHERE), other)
    assert raised.value.reason == "seal_broken"


def test_a_purpose_has_keys_of_its_own(ring: Keyring) -> None:
    with pytest.raises(TransientError) as raised:
        ring.unseal("media", ring.seal("thumbnails", b"small", WHERE), WHERE)
    assert raised.value.reason == "seal_unknown_key"


def test_equal_contents_are_sealed_differently(ring: Keyring) -> None:
    assert ring.seal("media", b"black", WHERE) != ring.seal("media", b"black", WHERE)


def test_the_file_is_created_once_for_its_owner_alone(tmp_path: Path) -> None:
    with capture_logs() as lines:
        first, second = Keyring(settings(tmp_path)), Keyring(settings(tmp_path))
    assert second.unseal("media", first.seal("media", b"x", WHERE), WHERE) == b"x"
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    (line,) = lines
    assert "frames and sounds of the last hours" in line["without_the_old"]
    assert "all new posts" in line["without_the_old"]


def test_two_processes_that_create_the_file_at_once_have_the_same_keys(tmp_path: Path) -> None:
    code = (
        "from streams.sealing.keyring import Keyring; from streams.sealing.settings import SealingSettings as S;"
        "print(Keyring(S()).key_ids('media'))"
    )
    environment = {**os.environ, "JIKIMI_SEALING_KEY_FILE": str(tmp_path / "keys.json")}
    run = [sys.executable, "-c", code]
    both = [subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in "12"]
    assert len({process.communicate()[0].splitlines()[-1] for process in both}) == 1


def test_a_missing_file_is_refused_where_it_is_shared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mount the keys of the system"):
        Keyring(settings(tmp_path, create=False))
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    Keyring(settings(tmp_path))
    (tmp_path / "keys.json").chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        Keyring(settings(tmp_path))


def test_a_mounted_secret_may_be_read_by_our_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Keyring(settings(tmp_path))
    (tmp_path / "keys.json").chmod(0o440)
    monkeypatch.setattr(os, "geteuid", lambda: 10_001)
    Keyring(settings(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"format": "\xff"}', b'{"format": "jikimi-keys-1"}', b'{"format": "other", "keys": []}']
)
def test_a_file_without_keys_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    Keyring(settings(tmp_path))
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(UsageError) as raised:
        Keyring(settings(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_running_process_unseals_with_a_key_that_another_has_made(tmp_path: Path) -> None:
    reader = Keyring(settings(tmp_path))
    rotation.rotate(settings(tmp_path), ["media"])
    writer = Keyring(settings(tmp_path))
    sealed = writer.seal("media", b"new", WHERE)
    assert reader.unseal("media", sealed, WHERE) == b"new"
    assert key_id_of(sealed) == key_id_of(reader.seal("media", b"", WHERE))


def test_a_new_key_seals_only_after_the_delay_and_the_old_one_still_unseals(tmp_path: Path) -> None:
    waiting = settings(tmp_path, key_delay_s=3600.0)
    ring = Keyring(waiting)
    before = ring.seal("media", b"before", WHERE)
    rotation.rotate(waiting, ["media"])
    assert key_id_of(ring.seal("media", b"", WHERE)) == key_id_of(before)
    aged(tmp_path / "keys.json", media=timedelta(hours=2))
    assert key_id_of(ring.seal("media", b"", WHERE)) != key_id_of(before)
    assert ring.unseal("media", before, WHERE) == b"before"


def test_a_file_that_is_lost_or_broken_stops_no_running_process(tmp_path: Path) -> None:
    ring = Keyring(settings(tmp_path))
    sealed = ring.seal("media", b"x", WHERE)
    (tmp_path / "keys.json").write_bytes(b"{")
    assert ring.unseal("media", sealed, WHERE) == b"x"
    (tmp_path / "keys.json").unlink()
    assert ring.unseal("media", ring.seal("media", b"y", WHERE), WHERE) == b"y"


def test_after_the_loss_of_the_file_new_values_unseal_and_old_ones_name_the_missing_key(tmp_path: Path) -> None:
    before = Keyring(settings(tmp_path)).seal("media", b"x", WHERE)
    (tmp_path / "keys.json").unlink()
    ring = Keyring(settings(tmp_path))
    assert ring.unseal("media", ring.seal("media", b"y", WHERE), WHERE) == b"y"
    with pytest.raises(TransientError, match=f"{key_id_of(before):08x}, which is not in"):
        ring.unseal("media", before, WHERE)


def test_the_file_can_be_encrypted_under_a_master_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake_kms.FakeKmsClient()
    uri = "fake-kms://CM2b3_MDElQKSAowdHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUuY3J5cHRvLnRpbmsuQWVzR2NtS2V5EhIaEIK75t5L-adlUwVhWvRuWUwYARABGM2b3_MDIAE"
    monkeypatch.setitem(master_key._SERVICES, "hcvault://", lambda _: client.get_aead(uri))
    sealing = settings(tmp_path, kms_uri="hcvault://transit/keys/jikimi")
    sealed = Keyring(sealing).seal("media", b"x", WHERE)
    assert b'"value"' not in (tmp_path / "keys.json").read_bytes()
    assert Keyring(sealing).unseal("media", sealed, WHERE) == b"x"
    with pytest.raises(UsageError, match="set JIKIMI_SEALING_KMS_URI to hcvault://transit/keys/jikimi"):
        Keyring(settings(tmp_path))


def test_a_service_whose_client_is_missing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='install the extra "kms"'):
        Keyring(settings(tmp_path, kms_uri="hcvault://transit/keys/jikimi"))


def test_no_text_of_the_keyring_shows_a_key(tmp_path: Path) -> None:
    ring = Keyring(settings(tmp_path))
    (key, *_) = ring.file.read()
    secret = key.keyset["key"][0]["keyData"]["value"]
    assert secret in (tmp_path / "keys.json").read_text()
    assert secret not in repr([key, ring, ring._loaded, vars(ring)])
