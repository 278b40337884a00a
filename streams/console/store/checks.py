"""Addresses that persons asked to be checked, and what became of their posts; in memory only."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.messages import DeadLetter, Verdict

MAX_CHECKS = 1_000
"""Checks that are kept, of all cases together; the oldest is dropped for a new one."""
_ID_CHARS = 36
"""Of the post's id, with which the key of each of its records begins."""


class Unread(NamedTuple):
    """Why an address, or a medium of its post, could not be read."""

    letter_id: str
    """Of the post's dead letter; empty where there is no post."""
    reason: str
    detail: str


class Check(NamedTuple):
    """One address that is checked for a case."""

    case_id: str
    address: str
    at: datetime
    post_id: str = ""
    """Of its post; empty until its page is read."""
    media: int = 0
    """Media that are looked at."""
    media_named: int = 0
    """Media that its page names."""
    refusal: Unread | None = None
    """Why it has no post, or not all media of its page."""


type _Key = tuple[str, str]
"""Case and address."""


class _Seen:
    """What the topics have of one post."""

    def __init__(self, seen_at: datetime) -> None:
        self.seen_at = seen_at
        self.is_closed = False
        """Whether all its scores are joined: a case without a verdict has no match then."""
        self.raised: set[str] = set()
        """Cases for which it is more than dismissed."""
        self.unread: Unread | None = None


class Checks:
    """The last checks by case and address. Records of other posts are passed over; after a restart it is empty."""

    def __init__(self) -> None:
        self._checks: dict[_Key, Check] = {}
        self._seen: dict[str, _Seen] = {}

    def add(self, checks: Iterable[Check]) -> None:
        """Keep these; one that is added again is new."""
        for check in checks:
            self._drop((check.case_id, check.address))
            self._checks[check.case_id, check.address] = check
            if len(self._checks) > MAX_CHECKS:
                self._drop(next(iter(self._checks)))

    def awaits(self, post_id: str, since: datetime) -> bool:
        """Return whether the answer to a post is awaited that was written at this time or later."""
        seen = self._seen.get(post_id)
        return seen is not None and not (seen.is_closed or seen.unread) and seen.seen_at >= since

    def settle(self, check: Check, seen_at: datetime | None = None) -> None:
        """Keep what an address led to, unless the check was dropped meanwhile.

        With the time at which its post is seen, watch for what becomes of it; answers to earlier times do not count.
        """
        key = check.case_id, check.address
        if (before := self._checks.get(key)) is not None:
            self._checks[key] = check
            self._forget(before.post_id)
            if seen_at is not None:
                self._seen[check.post_id] = _Seen(seen_at)

    def remove(self, checks: Iterable[Check]) -> None:
        """Forget checks of which nothing was written."""
        for check in checks:
            self._drop((check.case_id, check.address))

    def erase(self, case_id: str) -> None:
        """Drop the checks of a case."""
        self.remove(self.of_case(case_id))

    def of_case(self, case_id: str) -> list[Check]:
        """Return the checks of a case, the newest first."""
        return [check for check in reversed(self._checks.values()) if check.case_id == case_id]

    def find(self, case_id: str, address: str) -> Check | None:
        """Return the check of an address for a case, None without one."""
        return self._checks.get((case_id, address))

    def unread(self, check: Check) -> Unread | None:
        """Return why an address or its post could not be read, None unless it could not."""
        seen = self._seen.get(check.post_id)
        return check.refusal or (seen.unread if seen is not None else None)

    def has_no_match(self, check: Check) -> bool:
        """Return whether the post is judged and does not resemble the case."""
        seen = self._seen.get(check.post_id)
        return seen is not None and seen.is_closed and check.case_id not in seen.raised

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Apply verdicts."""
        for verdict in verdicts:
            seen = self._seen.get(verdict.post.post_id)
            if seen is None or verdict.post.seen_at < seen.seen_at:
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

    def _drop(self, key: _Key) -> None:
        if (check := self._checks.pop(key, None)) is not None:
            self._forget(check.post_id)

    def _forget(self, post_id: str) -> None:
        if post_id in self._seen and not any(check.post_id == post_id for check in self._checks.values()):
            del self._seen[post_id]
