from datetime import timedelta
from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.sealing import rotation
from streams.sealing.key_file import KeyFile
from streams.sealing.keyring import Keyring, key_id_of
from streams.sealing.purposes import PURPOSES, retention
from tests.unit.sealing.made import aged, settings

LONG = timedelta(days=400)


def ids(tmp_path: Path, purpose: str) -> list[int]:
    return [key.key_id for key in KeyFile(settings(tmp_path)).read() if key.purpose == purpose]


def test_a_rotation_removes_the_keys_that_nothing_on_the_broker_needs(tmp_path: Path) -> None:
    rotation.create(settings(tmp_path))
    aged(tmp_path / "keys.json", media=LONG, thumbnails=LONG, cases=LONG)
    rotation.rotate(settings(tmp_path), PURPOSES)
    kept = retention("media")
    assert kept is not None
    aged(tmp_path / "keys.json", media=kept + timedelta(hours=1), thumbnails=kept, cases=LONG)
    done = rotation.rotate(settings(tmp_path), ["media"])
    assert [key.purpose for key in done.removed] == ["media"]
    assert [len(ids(tmp_path, purpose)) for purpose in PURPOSES] == [2, 2, 2]


def test_media_keys_are_kept_as_long_as_dead_letters(tmp_path: Path) -> None:
    rotation.create(settings(tmp_path))
    rotation.rotate(settings(tmp_path), ["media"])
    aged(tmp_path / "keys.json", media=timedelta(weeks=6))
    assert rotation.rotate(settings(tmp_path), ["media"]).removed == []


def test_the_number_of_keys_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "MAX_KEYS", 3)
    rotation.create(settings(tmp_path))
    for _ in "12":
        rotation.rotate(settings(tmp_path), ["cases"])
    with pytest.raises(UsageError, match="the most: `jikimi keys destroy` the oldest"):
        rotation.rotate(settings(tmp_path), ["cases"])
    assert len(ids(tmp_path, "cases")) == 3


def test_the_key_in_use_and_a_waiting_one_are_not_destroyed(tmp_path: Path) -> None:
    sealing = settings(tmp_path, key_delay_s=3600.0)
    rotation.create(sealing)
    rotation.rotate(sealing, ["media"])
    for key_id in ids(tmp_path, "media"):
        with pytest.raises(UsageError, match="seals the media, or will"):
            rotation.destroy(sealing, key_id)
    assert len(ids(tmp_path, "media")) == 2


def test_a_destroyed_key_unseals_nothing_more(tmp_path: Path) -> None:
    ring = Keyring(settings(tmp_path))
    before = key_id_of(ring.seal("media", b"x", b""))
    assert before is not None
    rotation.rotate(settings(tmp_path), ["media"])
    assert "frames and sounds sealed between" in rotation.loss(settings(tmp_path), before)
    rotation.destroy(settings(tmp_path), before)
    assert before not in Keyring(settings(tmp_path)).key_ids("media")


def test_the_loss_of_a_key_that_nothing_needs_is_named_so(tmp_path: Path) -> None:
    rotation.create(settings(tmp_path))
    (first,) = ids(tmp_path, "media")
    rotation.rotate(settings(tmp_path), ["media"])
    aged(tmp_path / "keys.json", media=LONG)
    assert rotation.loss(settings(tmp_path), first).startswith("nothing that is still on the broker")


def test_a_change_keeps_the_files_mode_and_leaves_no_copy(tmp_path: Path) -> None:
    rotation.create(settings(tmp_path))
    rotation.rotate(settings(tmp_path), PURPOSES)
    assert {file.name for file in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
