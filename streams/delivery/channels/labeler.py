"""Declaration of a Bluesky labeler: which reports it takes, and the reason to give it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.messages import CaseKind
from streams.delivery.channels.at_records import AtRecords
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.sender import NotSentError, fields

_OZONE, _ATPROTO = "tools.ozone.report.defs#", "com.atproto.moderation.defs#"
_NCII = (f"{_OZONE}reasonSexualNCII", f"{_OZONE}reasonSexualOther", f"{_ATPROTO}reasonSexual")
_LAST = (f"{_ATPROTO}reasonViolation", f"{_OZONE}reasonOther", f"{_ATPROTO}reasonOther")
_REASONS: Mapping[CaseKind, Sequence[str]] = {
    "filmed_without_consent": _NCII,
    "shared_without_consent": _NCII,
    "synthetic": (f"{_OZONE}reasonSexualDeepfake", *_NCII),
    "child_exploitation": (f"{_OZONE}reasonChildSafetyCSAM", f"{_OZONE}reasonChildSafetyOther"),
    "personal_data": (f"{_OZONE}reasonHarassmentDoxxing", f"{_OZONE}reasonHarassmentOther"),
}
"""The reason of each kind of case first, then the nearest ones; older labelers have only those of com.atproto."""
_VALID_S = 3_600.0
_PAUSE_S = 300.0
"""Before a declaration that could not be read is read again: a report need not wait for it each time."""
_POSTS = "app.bsky.feed.post"


class Labeler:
    """One labeler; its declaration is read once an hour.

    Parameters
    ----------
    did
        Of the labeler.
    clock_s
        Monotonic, seconds.
    """

    def __init__(self, did: str, records: AtRecords, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.did = did
        self._records = records
        self._clock_s = clock_s
        self._declared: Mapping[str, Any] = {}
        self._read_s = float("-inf")

    async def reason_for(self, kind: CaseKind) -> str:
        """Return the first reason for a kind of case that the labeler takes; the first one if nothing is declared.

        Raises
        ------
        NotSentError
            The labeler takes no reports of posts, or none with any of the reasons.
        """
        declared = await self._declaration()
        if not _takes(declared, "subjectTypes", "record") or not _takes(declared, "subjectCollections", _POSTS):
            raise self._refusal("takes no reports of posts")
        for reason in (*_REASONS[kind], *_LAST):
            if _takes(declared, "reasonTypes", reason):
                return reason
        raise self._refusal("takes no reports with a fitting reason")

    async def _declaration(self) -> Mapping[str, Any]:
        """Return the declaration; an old one or none if it cannot be read, because a report is worth the try."""
        if self._clock_s() - self._read_s >= _VALID_S:
            try:
                reply = await self._records.record(self.did, "app.bsky.labeler.service", "self")
            except NotSentError:
                self._read_s = self._clock_s() - _VALID_S + _PAUSE_S
                return self._declared
            value = fields(reply).get("value")
            self._declared = value if isinstance(value, dict) else {}
            self._read_s = self._clock_s()
        return self._declared

    def _refusal(self, words: str) -> NotSentError:
        return NotSentError(Answer("refused", self.did, error="not_taken", detail=f"the labeler {self.did} {words}"))


def _takes(declared: Mapping[str, Any], field: str, value: str) -> bool:
    """Return whether a list of the declaration has a value; without the list all values are taken."""
    listed = declared.get(field)
    return value in listed if isinstance(listed, list) else True
