"""Addresses that persons asked to be checked, and what became of their posts; in memory only."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.messages import DeadLetter, Verdict

MAX_CHECKS = 1_000
"""Checks that are kept, of all cases together; the oldest is dropped for a new one."""
_ID_CHARS = 36
"""Of the post's id, with which the key of each of its records begins."""


class Check(NamedTuple):
    """One address that is checked for a case."""

    post_id: str
    case_id: str
    address: str
    at: datetime


class Unread(NamedTuple):
    """Why a post's medium could not be read."""

    letter_id: str
    reason: str
    detail: str


class _Seen:
    """What the topics have of one post."""

    def __init__(self) -> None:
        self.is_closed = False
        """Whether all its scores are joined: a case without a verdict has no match then."""
        self.raised: set[str] = set()
        """Cases for which it is more than dismissed."""
        self.unread: Unread | None = None


class Checks:
    """The last checks by post and case. Records of other posts are passed over; after a restart it is empty."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str], Check] = {}
        self._seen: dict[str, _Seen] = {}

    def add(self, checks: Iterable[Check]) -> None:
        """Watch for what becomes of these; one that is added again is new."""
        for check in checks:
            self._drop((check.post_id, check.case_id))
            self._checks[check.post_id, check.case_id] = check
            self._seen.setdefault(check.post_id, _Seen()).unread = None
            if len(self._checks) > MAX_CHECKS:
                self._drop(next(iter(self._checks)))

    def remove(self, checks: Iterable[Check]) -> None:
        """Forget checks whose posts were not written."""
        for check in checks:
            self._drop((check.post_id, check.case_id))

    def erase(self, case_id: str) -> None:
        """Drop the checks of a case."""
        self.remove(self.of_case(case_id))

    def of_case(self, case_id: str) -> list[Check]:
        """Return the checks of a case, the newest first."""
        return [check for check in reversed(self._checks.values()) if check.case_id == case_id]

    def find(self, post_id: str, case_id: str) -> Check | None:
        """Return the check of an address for a case, None without one."""
        return self._checks.get((post_id, case_id))

    def unread(self, check: Check) -> Unread | None:
        """Return why the post could not be read, None unless it could not."""
        return self._seen[check.post_id].unread

    def has_no_match(self, check: Check) -> bool:
        """Return whether the post is judged and does not resemble the case."""
        seen = self._seen[check.post_id]
        return seen.is_closed and check.case_id not in seen.raised

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Apply verdicts."""
        for verdict in verdicts:
            if (seen := self._seen.get(verdict.post.post_id)) is None:
                continue
            seen.is_closed |= verdict.reason in {"complete", "deadline"}
            if verdict.case_id is not None and verdict.decision != "dismiss":
                seen.raised.add(verdict.case_id)

    def add_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Apply dead letters, and marks that one was put back."""
        for letter in letters:
            if letter.redriven_at is not None:
                self._put_back(letter.dead_letter_id)
            elif (seen := self._seen.get((letter.key or b"").decode(errors="replace")[:_ID_CHARS])) is not None:
                seen.unread = Unread(letter.dead_letter_id, letter.reason, letter.detail)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is watched."""
        return not self._checks

    def _put_back(self, letter_id: str) -> None:
        for seen in self._seen.values():
            if seen.unread is not None and seen.unread.letter_id == letter_id:
                seen.unread = None

    def _drop(self, key: tuple[str, str]) -> None:
        self._checks.pop(key, None)
        if key[0] in self._seen and not any(post_id == key[0] for post_id, _ in self._checks):
            del self._seen[key[0]]
