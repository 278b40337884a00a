"""`jikimi keys`: what a person does to the keys is on record before it happens."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.audit import acting as module
from streams.commands.keys import app
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.sealing import rotation
from streams.sealing.key_file import KeyFile, StoredKey
from streams.settings import load_settings
from tests.unit.sealing.made import settings

type Written = list[tuple[tuple[str, ...], int]]
ME = current_person(load_settings()).name


def stored(folder: Path) -> list[StoredKey]:
    return KeyFile(settings(folder)).read()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Written:
    """Return the acts that are written, each with the number of keys at that moment."""
    monkeypatch.setenv("JIKIMI_SEALING_KEY_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("JIKIMI_SEALING_KEY_DELAY_S", "0")
    found: Written = []
    monkeypatch.setattr(module, "write_act", lambda _, *fields: found.append((fields, len(stored(tmp_path)))))
    rotation.create(settings(tmp_path))
    return found


def test_a_rotation_is_an_act_before_there_is_a_new_key(written: Written, tmp_path: Path) -> None:
    n_keys = len(stored(tmp_path))
    answer = CliRunner().invoke(app, ["rotate", "--purpose", "media", "--why", "a month is over"])
    assert answer.exit_code == 0, answer.output
    assert written == [(("keys", "media", ME, "a month is over", "rotate"), n_keys)]
    assert len(stored(tmp_path)) == n_keys + 1


def test_a_destruction_is_an_act_that_names_what_becomes_unreadable(written: Written, tmp_path: Path) -> None:
    old = next(key.key_id for key in stored(tmp_path) if key.purpose == "media")
    rotation.rotate(settings(tmp_path), ["media"])
    n_keys = len(stored(tmp_path))
    answer = CliRunner().invoke(app, ["destroy", f"{old:x}", "--yes", "--why", "stolen"])
    assert answer.exit_code == 0, answer.output
    ((fields, before),) = written
    assert (fields[:4], before) == (("keys", f"{old:08x}", ME, "stolen"), n_keys)
    assert fields[4].startswith("destroy: frames and sounds sealed between")
    assert old not in {key.key_id for key in stored(tmp_path)}


def test_nothing_is_destroyed_or_made_whose_act_cannot_be_written(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = next(key.key_id for key in stored(tmp_path) if key.purpose == "media")
    rotation.rotate(settings(tmp_path), ["media"])

    def refuse(*_: object) -> None:
        raise UsageError("no broker answers")

    monkeypatch.setattr(module, "write_act", refuse)
    before = stored(tmp_path)
    for arguments in (["rotate"], ["destroy", f"{old:x}", "--yes"]):
        answer = CliRunner().invoke(app, arguments)
        assert "no broker answers" in str(answer.exception), answer
    assert (stored(tmp_path), written) == (before, [])


def test_a_key_that_may_not_be_destroyed_or_that_a_person_spares_is_no_act(written: Written, tmp_path: Path) -> None:
    old, *_ = (key.key_id for key in stored(tmp_path) if key.purpose == "media")
    assert CliRunner().invoke(app, ["destroy", f"{old:x}", "--yes"]).exit_code == 1, "it is in use"
    rotation.rotate(settings(tmp_path), ["media"])
    assert CliRunner().invoke(app, ["destroy", f"{old:x}"], input="n\n").exit_code == 1
    assert written == []
