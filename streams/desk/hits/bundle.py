"""Bundles: the hits of a case since its last message, counted."""

from collections import Counter
from datetime import datetime

import msgspec

from schemas.ids import record_id
from streams.desk.hits.hit import Hit


class Bundle(msgspec.Struct, kw_only=True):
    """Number of hits of a case by kind, and their time range.

    It has no address, account or picture: messages pass through other people's systems.
    """

    case_id: str
    counts: Counter[str]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, hit: Hit) -> "Bundle":
        """Return the bundle of one hit."""
        return cls(case_id=hit.case_id, counts=Counter([hit.what]), since=hit.at, until=hit.at)

    def add(self, hit: Hit) -> None:
        """Count one more hit."""
        self.counts[hit.what] += 1
        self.since, self.until = min(self.since, hit.at), max(self.until, hit.at)

    @property
    def message_id(self) -> str:
        """Id of the message, the same when it is sent again without further hits."""
        return record_id("hook", self.case_id, self.since.isoformat(), self.until.isoformat(), self.summary())

    def summary(self) -> str:
        """Return the counts as words, such as `3 review, 1 act`."""
        return ", ".join(f"{number} {what}" for what, number in self.counts.most_common())

    def text(self) -> str:
        """Return the message for a person."""
        return (
            f"Case {self.case_id}: {self.summary()}, from {self.since:%Y-%m-%d %H:%M:%S} "
            f"to {self.until:%Y-%m-%d %H:%M:%S} UTC.\n"
            f"`jikimi reviews --case {self.case_id}` and `jikimi case show {self.case_id}` show them.\n"
        )

    def payload(self) -> bytes:
        """Return the message as JSON."""
        hits = {"case_id": self.case_id, "counts": self.counts, "since": self.since, "until": self.until}
        return msgspec.json.encode({"type": "hits", "timestamp": self.until, "data": hits | {"text": self.text()}})
