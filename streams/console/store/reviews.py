"""Review queue of the console's store: verdicts that wait for a person, minors first, then the oldest."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from schemas.messages import Label, LabelDecision, Verdict
from schemas.topics import TOPICS
from streams.cases.labels import DECIDING, label_key
from streams.console.store.database import OWN

PAGE = 50
"""Rows of a page."""
_VERDICT = msgspec.msgpack.Decoder(Verdict)
_PUT = """
INSERT OR REPLACE INTO reviews VALUES (
    ?, ?, ?, ?, ?,
    NOT EXISTS (SELECT 1 FROM labels WHERE key = ? AND decision IN ('copy', 'other'))
        AND NOT EXISTS (SELECT 1 FROM takedowns WHERE review = ?),
    (SELECT minor FROM cases WHERE case_id = ?), ?
)
"""
_OPEN = "waiting = 1 AND minor IS NOT NULL"
_WAITS = "waiting AND minor IS NOT NULL"
"""As in the index by time."""
_OWN = OWN.format("reviews.case_id")
_COLUMNS = f"verdict, minor, labels.decision, reviews.key, {_OPEN}"
_ROW = f"SELECT {_COLUMNS} FROM reviews LEFT JOIN labels USING (key)"  # noqa: S608 - no text of others in it
_KEY = 3
"""Column of a row."""
_PRUNED_EVERY = 10_000
_LOOKED_AT = 2_000


class Job(NamedTuple):
    """One verdict that waits for a person, or did."""

    verdict: Verdict
    """Without pictures."""
    minor: bool
    label: LabelDecision | None
    """The last decision of a person: `unsure` or `escalate` while it waits."""
    key: str
    waits: bool


class Reviews:
    """Verdicts to review, of open cases, without a deciding label and without a takedown.

    Those older than the retention of their topic are dropped: a label could no longer name their verdict.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._n_added = 0

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Apply verdicts in the order of each post; one not to review ends the review of its post and case."""
        for verdict in verdicts:
            if verdict.case_id is None:
                continue
            key = label_key(verdict.post.post_id, verdict.case_id)
            if verdict.decision == "review":
                row = (key, verdict.case_id, verdict.post.post_id, verdict.post.author, verdict.decided_at.timestamp())
                encoded = msgspec.msgpack.encode(_slim(verdict))
                self._database.execute(_PUT, (*row, key, key, verdict.case_id, encoded))
                self._n_added += 1
                if not self._n_added % _PRUNED_EVERY:
                    self.prune(datetime.now(UTC))
            else:
                self._database.execute("DELETE FROM reviews WHERE key = ?", (key,))

    def add_labels(self, labels: Iterable[Label]) -> None:
        """Apply labels in their order; the last one of a post and case is in force."""
        for label in labels:
            key = label_key(label.post_id, label.case_id)
            row = (key, label.post_id, label.case_id, label.decision, label.reviewer, label.at.timestamp())
            self._database.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?)", row)
            if label.decision in DECIDING:
                self._database.execute("UPDATE reviews SET waiting = 0 WHERE key = ?", (key,))

    def prune(self, now: datetime) -> None:
        """Drop the verdicts that their topic no longer retains."""
        oldest_s = now.timestamp() - TOPICS["verdicts"].retention_hours * 3600
        self._database.execute("DELETE FROM reviews WHERE decided_s < ?", (oldest_s,))

    def queue(
        self,
        limit: int = PAGE,
        case_id: str | None = None,
        leaving_out: Collection[str] = (),
        owner: str | None = None,
        not_by: str = "",
    ) -> list[Job]:
        """Return the first of those that wait: minors first, then the oldest.

        Parameters
        ----------
        leaving_out
            Keys of jobs that are decided and not yet written, or that others have open.
        owner
            Account whose cases alone count; None for all.
        not_by
            Pseudonym of a person; jobs that the person has left undecided are another's to decide.
        """
        where, values = (f"{_OPEN} AND reviews.case_id = ?", [case_id]) if case_id else (_OPEN, [])
        found = self._database.execute(
            f"{_ROW} WHERE {where} AND {_OWN} AND (labels.reviewer IS NULL OR labels.reviewer <> ?) "
            "ORDER BY minor DESC, decided_s, reviews.key",
            (*values, owner, owner, not_by),
        )
        return [_job(*row) for row in islice((row for row in found if row[_KEY] not in leaving_out), limit)]

    def escalated(self, limit: int = PAGE, owner: str | None = None) -> list[Job]:
        """Return the first of those that wait for another person than the one who looked, in the order of `queue`."""
        escalated = f"SELECT {_COLUMNS} FROM labels CROSS JOIN reviews USING (key) WHERE decision = 'escalate'"  # noqa: S608 - likewise
        order = "ORDER BY minor DESC, decided_s, reviews.key LIMIT ?"
        found = self._database.execute(f"{escalated} AND {_OPEN} AND {_OWN} {order}", (owner, owner, limit))
        return [_job(*row) for row in found]

    def of_case(self, case_id: str, limit: int) -> Iterator[Job]:
        """Yield the first jobs of a case that wait, in the order of `queue`."""
        where = f"WHERE {_OPEN} AND reviews.case_id = ?"
        order = "ORDER BY minor DESC, decided_s, reviews.key LIMIT ?"
        for row in self._database.execute(f"{_ROW} {where} {order}", (case_id, limit)):
            yield _job(*row)

    def find(self, key: str) -> Job | None:
        """Return a job by its key, also one that waits no more; None if the store has no such verdict."""
        found = self._database.execute(f"{_ROW} WHERE reviews.key = ?", (key,)).fetchone()
        return _job(*found) if found else None

    def of_post(self, post_id: str, limit: int = 10, owner: str | None = None) -> list[Job]:
        """Return the jobs of one post, for every case, of one owner or all, that it resembles."""
        query = f"{_ROW} WHERE reviews.post_id = ? AND {_OWN} LIMIT ?"
        found = self._database.execute(query, (post_id, owner, owner, limit))
        return [_job(*row) for row in found]

    def oldest_s(self, owner: str | None = None) -> float | None:
        """Return the time of the oldest job that waits, of one owner or all, s since the epoch; None without one."""
        query = f"SELECT decided_s FROM reviews WHERE {_WAITS} AND {_OWN} ORDER BY decided_s LIMIT 1"  # noqa: S608 - likewise
        found = self._database.execute(query, (owner, owner)).fetchone()
        return float(found[0]) if found else None

    def longest_waiting(self, limit: int, owner: str | None = None) -> list[str]:
        """Return the cases of the jobs that have waited longest, as far as the first `_LOOKED_AT` jobs show them."""
        first = f"SELECT case_id, decided_s FROM reviews WHERE {_WAITS} AND {_OWN} ORDER BY decided_s LIMIT ?"  # noqa: S608 - likewise
        query = f"SELECT case_id FROM ({first}) GROUP BY case_id ORDER BY min(decided_s) LIMIT ?"  # noqa: S608 - likewise
        return [case_id for (case_id,) in self._database.execute(query, (owner, owner, _LOOKED_AT, limit))]

    def label_of(self, key: str) -> tuple[LabelDecision, str, float] | None:
        """Return the decision in force on a post and case, who made it and when, seconds since the epoch; or None."""
        found: tuple[LabelDecision, str, float] | None
        found = self._database.execute("SELECT decision, reviewer, at_s FROM labels WHERE key = ?", (key,)).fetchone()
        return found


def _slim(verdict: Verdict) -> Verdict:
    evidence = [msgspec.structs.replace(one, thumbnail=None) for one in verdict.evidence]
    return msgspec.structs.replace(verdict, evidence=evidence)


def _job(verdict: bytes, minor: int | None, label: LabelDecision | None, key: str, waits: int) -> Job:
    return Job(_VERDICT.decode(verdict), bool(minor), label, key, bool(waits))
