"""Words of cases that platforms are asked for, in clear: on this machine only, until the case is withdrawn."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from streams.desk.case_book import CaseBook
from streams.errors import UsageError
from streams.secrets import whole_file
from streams.settings import Settings

MAX_WORDS = 20
"""Of one case: each is asked for on each platform, again and again."""
_MAX_CHARACTERS = 100
_LEAST_CHARACTERS = 3
_DIGEST_BYTES = 12


def checked_words(words: Iterable[str]) -> list[str]:
    """Return the words without white space around them, each once.

    Raises
    ------
    UsageError
        There are too many, or one is too short, too long or not printable.
    """
    found = list(dict.fromkeys(" ".join(word.split()) for word in words))
    if len(found) > MAX_WORDS:
        raise UsageError(f"{len(found)} words, {MAX_WORDS} are searched for a case")
    for word in found:
        if not _LEAST_CHARACTERS <= len(word) <= _MAX_CHARACTERS or not word.isprintable():
            raise UsageError(f"a word to search for has {_LEAST_CHARACTERS} to {_MAX_CHARACTERS} characters")
    return found


def read_words(settings: Settings, open_cases: Iterable[str]) -> dict[str, list[str]]:
    """Return the open cases that a word is searched for, by word."""
    book, found = CaseBook(settings), dict[str, list[str]]()
    for case_id in sorted(open_cases):
        note = book.find(case_id)
        for word in note.searched if note is not None and note.withdrawn_at is None else ():
            found.setdefault(word, []).append(case_id)
    return found


def word_key(settings: Settings, word: str) -> str:
    """Return the digest of a word under the term key: cursors leave this machine, and words do not."""
    key = settings.required_term_key()
    return blake2b(word.encode(), key=blake2b(key).digest(), digest_size=_DIGEST_BYTES).hexdigest()


class PlatformState(msgspec.Struct, frozen=True, kw_only=True):
    """State of the search of one platform, for a case's page."""

    platform: str
    asked_at: datetime | None = None
    waits_until: datetime | None = None
    reason: str = ""
    """Why it waits, one of `platform.Reason`; empty if it does not."""
    found: dict[str, int] = {}
    """Posts found so far by case, since the feed was started."""


class SearchStates:
    """States of the searches in a file of this machine, which the feed writes and the console reads."""

    def __init__(self, settings: Settings) -> None:
        self._file: Path = settings.desk_path / "search" / "states"

    def write(self, states: Sequence[PlatformState]) -> None:
        """Replace all states.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        whole_file.replace(self._file, msgspec.json.encode(states))

    def read(self) -> Sequence[PlatformState]:
        """Return all states; none where there is not a file, or a broken one."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[PlatformState])
        except (OSError, ValueError):  # of msgspec, and of UTF-8
            return []


def of_case(words: Mapping[str, Sequence[str]], case_id: str) -> list[str]:
    """Return the words that are searched for a case."""
    return [word for word, cases in words.items() if case_id in cases]
