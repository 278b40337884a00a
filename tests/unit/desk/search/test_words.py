"""Words that are searched: kept on this machine only, until the case is withdrawn."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.desk.case_book import CaseBook
from streams.desk.search.words import (
    MAX_WORDS,
    PlatformState,
    SearchStates,
    checked_words,
    of_case,
    read_words,
    word_key,
)
from streams.errors import UsageError
from streams.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(desk_folder=tmp_path, term_key="sixteen letters or more")


def test_words_of_open_cases_are_searched_until_they_are_withdrawn(settings: Settings) -> None:
    book = CaseBook(settings)
    for case_id in ("case-a", "case-b", "case-c"):
        book.search(case_id, "river", NOW, ["milkyway77", f"only {case_id}"])
    book.add_files("case-a", "river", NOW, {"r1": "film.mp4"})  # keeps the words
    book.withdraw("case-b", NOW)
    found = read_words(settings, ["case-a", "case-b", "unknown"])  # case-c was withdrawn elsewhere
    assert found == {"milkyway77": ["case-a"], "only case-a": ["case-a"]}
    assert of_case(found, "case-a") == ["milkyway77", "only case-a"]
    note = book.find("case-b")
    assert note is not None
    assert note.searched == []
    assert book.file_names("case-a") == {"r1": "film.mp4"}


@pytest.mark.parametrize("words", [["ab"], ["x" * 101], ["bell\x07"], [f"word {n}" for n in range(MAX_WORDS + 1)]])
def test_words_that_no_search_takes_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        checked_words(words)


def test_words_are_plain_and_each_once() -> None:
    assert checked_words(["  moon  light ", "moon light"]) == ["moon light"]


def test_a_cursors_key_depends_on_the_term_key_and_does_not_hold_the_word(settings: Settings) -> None:
    other = settings.model_copy(update={"term_key": load_settings(term_key="another key of some length").term_key})
    assert word_key(settings, "milkyway77") == word_key(settings, "milkyway77") != word_key(other, "milkyway77")
    assert "milky" not in word_key(settings, "milkyway77")


def test_states_are_read_back_and_a_broken_file_is_like_none(settings: Settings, tmp_path: Path) -> None:
    states = SearchStates(settings)
    assert states.read() == []
    written = [PlatformState(platform="bluesky", asked_at=NOW, reason="limited", found={"case-a": 3})]
    states.write(written)
    assert states.read() == written
    (tmp_path / "search" / "states").write_bytes(b'[{"platform": "\xff"}]')
    assert states.read() == []
