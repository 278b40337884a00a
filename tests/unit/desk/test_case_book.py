from pathlib import Path

import pytest

from streams.desk.case_book import CaseBook, CaseNote
from streams.settings import load_settings
from tests.unit.made_messages import NOW

NOTE = CaseNote(case_id="case-a", name="river", opened_at=NOW, files={"r1": "holiday.mp4"})


@pytest.fixture
def book(tmp_path: Path) -> CaseBook:
    return CaseBook(load_settings(desk_folder=tmp_path / "desk"))


def test_a_note_is_readable_by_its_owner_only(book: CaseBook, tmp_path: Path) -> None:
    book.write(NOTE)
    assert book.find("case-a") == NOTE
    assert book.file_names("case-a") == {"r1": "holiday.mp4"}
    (file,) = (tmp_path / "desk").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_withdrawn_case_keeps_no_file_name(book: CaseBook, tmp_path: Path) -> None:
    book.write(NOTE)
    book.withdraw("case-a", NOW)
    book.withdraw("case-unknown", NOW)
    assert book.file_names("case-a") == {}
    assert [(note.name, note.withdrawn_at) for note in book.withdrawn()] == [("river", NOW)]
    assert len(list((tmp_path / "desk").iterdir())) == 1


@pytest.mark.parametrize("content", [b"{", b'{"case_id": "\xff"}'])
def test_a_broken_note_is_like_none(book: CaseBook, tmp_path: Path, content: bytes) -> None:
    book.write(NOTE)
    next((tmp_path / "desk").iterdir()).write_bytes(content)
    assert book.find("case-a") is None
    assert book.withdrawn() == []
    assert book.file_names("../../etc/passwd") == {}


def test_an_id_names_no_file_outside_the_folder(book: CaseBook, tmp_path: Path) -> None:
    book.write(CaseNote(case_id="../outside", name="x", opened_at=NOW))
    assert len(list((tmp_path / "desk").iterdir())) == 1
    assert not (tmp_path / "outside.json").exists()


def test_the_folder_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().desk_path == tmp_path / "jikimi" / "desk"
