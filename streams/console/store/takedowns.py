"""Takedowns of the console's store: their last events, their history, and pages of them by state and due time."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from schemas.messages import Delivery, Takedown
from streams.cases.labels import label_key
from streams.console.store.database import NEVER_S, OWN
from streams.desk.case_report import Step
from streams.takedown.life import PENDING

PAGE = 50
"""Rows of a page."""
MAX_STEPS = 200
"""Events of one takedown that are shown, and steps of its delivery."""
_OWN = OWN.format("case_id")
_OF_OWNER = "case_id IN (SELECT case_id FROM cases WHERE opened_by = ?)"
_EVENT = msgspec.msgpack.Decoder(Takedown)
_STEP = msgspec.msgpack.Decoder(Delivery)
_PUT = """
INSERT INTO takedowns VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT due_s FROM dues WHERE takedown_id = ?), ?), ?, ?, ?, 0
) ON CONFLICT DO UPDATE SET
    state = excluded.state, pending = excluded.pending, held = excluded.held, minor = excluded.minor,
    last = excluded.last, changed_s = excluded.changed_s, late = late AND excluded.pending
"""
CHANGED = "SELECT takedown_id, last FROM takedowns WHERE case_id = ? ORDER BY changed_s DESC LIMIT ?"
_NEW_DUE = "UPDATE takedowns SET due_s = ?, late = 0 WHERE takedown_id = ? AND due_s <> ?"


class Row(NamedTuple):
    """One takedown in a list."""

    last: Takedown
    """Its last event, without pictures."""
    found_s: float
    due_s: float | None


class CaseEvent(NamedTuple):
    """One event of one of a case's takedowns."""

    at_s: float
    takedown_id: str
    platform: str
    state: str
    by: str
    why: str


class Place(NamedTuple):
    """Where a record is in its topic."""

    partition: int
    offset: int


class History(NamedTuple):
    """States of a takedown and steps of its delivery, the oldest first."""

    states: list[Step]
    steps: list[Delivery]
    """Without notices."""
    notices: dict[str, Place]
    """Records of those steps that have a notice, by the step's id."""


class Filter(NamedTuple):
    """Choice of takedowns; None accepts any."""

    case_id: str | None = None
    state: str | None = None
    platform: str | None = None
    overdue_at_s: float | None = None
    """Only pending ones that were due then."""
    owner: str | None = None
    """Only of cases that this account opened."""


class Takedowns:
    """Every takedown with its events and deliveries.

    Work and memory of a query are those of one page; those of an owner are in proportion to the owner's takedowns.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add_events(self, events: Iterable[Takedown]) -> None:
        """Apply events in their order; a repeated one changes nothing."""
        changed: dict[str, tuple[float, Takedown]] = {}
        for event in events:
            at_s = event.at.timestamp()
            row = (event.takedown_id, event.event_id, at_s, event.state, event.by, event.why)
            if self._database.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
                changed[event.takedown_id] = (changed.get(event.takedown_id, (at_s,))[0], event)
        rows = [_columns(_slim(event), found_s) for found_s, event in changed.values()]
        self._database.executemany(_PUT, rows)

    def add_steps(self, steps: Iterable[tuple[Delivery, Place]]) -> None:
        """Apply steps of deliveries in their order; of a notice only the place of its record is kept."""
        rows, dues = [], []
        for step, place in steps:
            of_notice = (None, None) if step.notice is None else place
            rows.append((step.takedown_id, msgspec.msgpack.encode(_without_notice(step)), *of_notice))
            if step.due_at is not None:
                dues.append((step.takedown_id, step.due_at.timestamp()))
        self._database.executemany("INSERT INTO steps VALUES (?, ?, ?, ?)", rows)
        self._database.executemany("INSERT OR REPLACE INTO dues VALUES (?, ?)", dues)
        self._database.executemany(_NEW_DUE, [(due_s, takedown_id, due_s) for takedown_id, due_s in dues])

    def page(self, chosen: Filter, after: tuple[float, str] | None = None, limit: int = PAGE) -> list[Row]:
        """Return the chosen takedowns by due time, those without one last.

        Parameters
        ----------
        after
            Due time and id of the last row of the page before.
        """
        where, values = _where(chosen)
        if after is not None:
            where.append("(due_s, takedown_id) > (?, ?)")
            values += after
        chosen_ones = " AND ".join(where)
        query = f"SELECT last, found_s, due_s FROM takedowns WHERE {chosen_ones} ORDER BY due_s, takedown_id LIMIT ?"  # noqa: S608 - no text of others in it
        return [_row(*found) for found in self._database.execute(query, (*values, limit))]

    def find(self, takedown_id: str) -> Row | None:
        """Return one takedown, None if there is none."""
        query = "SELECT last, found_s, due_s FROM takedowns WHERE takedown_id = ?"
        found = self._database.execute(query, (takedown_id,)).fetchone()
        return _row(*found) if found else None

    def of_review(self, key: str) -> Row | None:
        """Return the takedown of a post for a case by the key of its review, None if there is none."""
        query = "SELECT last, found_s, due_s FROM takedowns WHERE review = ? LIMIT 1"
        found = self._database.execute(query, (key,)).fetchone()
        return _row(*found) if found else None

    def last_of_case(self, case_id: str, limit: int) -> list[Takedown]:
        """Return the last events of a case's takedowns; of more, those with the earliest due times."""
        query = "SELECT last FROM takedowns WHERE case_id = ? ORDER BY due_s, takedown_id LIMIT ?"
        return [_EVENT.decode(last) for (last,) in self._database.execute(query, (case_id, limit))]

    def newest_events(self, case_id: str, limit: int) -> list[CaseEvent]:
        """Return the newest events of a case's takedowns, the newest first.

        They are those of as many takedowns at most, the ones that changed last.
        """
        query = "SELECT at_s, state, by, why FROM events WHERE takedown_id = ? LIMIT ?"
        found = [
            CaseEvent(at_s, takedown_id, _EVENT.decode(last).post.platform, state, by, why)
            for takedown_id, last in self._database.execute(CHANGED, (case_id, limit)).fetchall()
            for at_s, state, by, why in self._database.execute(query, (takedown_id, MAX_STEPS))
        ]
        return sorted(found, reverse=True)[:limit]

    def held_of_case(self, case_id: str, limit: int) -> list[Takedown]:
        """Return the last events of takedowns of a case that were held for a reference."""
        query = "SELECT last FROM takedowns WHERE case_id = ? AND held LIMIT ?"
        return [_EVENT.decode(last) for (last,) in self._database.execute(query, (case_id, limit))]

    def history(self, takedown_id: str) -> History:
        """Return what happened to a takedown."""
        states = self._database.execute(
            "SELECT at_s, state, by, why FROM events WHERE takedown_id = ? LIMIT ?", (takedown_id, MAX_STEPS)
        )
        taken = [Step(at=datetime.fromtimestamp(at_s, UTC), state=s, by=by, why=why) for at_s, s, by, why in states]
        query = "SELECT step, partition, offset FROM steps WHERE takedown_id = ? LIMIT ?"
        steps, notices = dict[str, Delivery](), dict[str, Place]()
        for blob, partition, offset in self._database.execute(query, (takedown_id, MAX_STEPS)):
            step = _STEP.decode(blob)
            steps[step.delivery_id] = step  # a repeated one is there once
            if offset is not None:
                notices[step.delivery_id] = Place(partition, offset)
        return History(sorted(taken, key=_time), sorted(steps.values(), key=_time), notices)

    def of_author(self, platform: str, author: str, limit: int, owner: str | None = None) -> list[Row]:
        """Return the takedowns of an account's posts, in cases of one owner or all, the newest first."""
        query = (
            "SELECT last, found_s, due_s FROM takedowns "  # noqa: S608 - likewise
            f"WHERE author = ? AND platform = ? AND {_OWN} ORDER BY found_s DESC LIMIT ?"
        )
        return [_row(*found) for found in self._database.execute(query, (author, platform, owner, owner, limit))]


def _columns(event: Takedown, found_s: float) -> tuple[object, ...]:
    return (
        event.takedown_id,
        event.case_id,
        label_key(event.post.post_id, event.case_id),
        event.state,
        event.post.platform,
        event.post.author,
        event.minor,
        event.state in PENDING,
        found_s,
        event.takedown_id,
        NEVER_S,
        bool(event.held_for),
        msgspec.msgpack.encode(event),
        event.at.timestamp(),
    )


def _time(step: Step | Delivery) -> datetime:
    return step.at


def _without_notice(step: Delivery) -> Delivery:
    return step if step.notice is None else msgspec.structs.replace(step, notice=None)


def _slim(event: Takedown) -> Takedown:
    """Return an event without pictures, and without what its steps have too."""
    evidence = [msgspec.structs.replace(one, thumbnail=None) for one in event.evidence]
    return msgspec.structs.replace(event, evidence=evidence, delivery=None, previous=b"", hash=b"")


def _row(last: bytes, found_s: float, due_s: float) -> Row:
    return Row(_EVENT.decode(last), found_s, due_s if due_s < NEVER_S else None)


def _where(chosen: Filter) -> tuple[list[str], list[object]]:
    found: list[tuple[str, object]] = [
        ("case_id = ?", chosen.case_id),
        ("state = ?", chosen.state),
        ("platform = ?", chosen.platform),
        ("pending = 1 AND due_s < ?", chosen.overdue_at_s),
        (_OF_OWNER, chosen.owner),
    ]
    wanted = [(condition, value) for condition, value in found if value is not None]
    return [condition for condition, _ in wanted] or ["TRUE"], [value for _, value in wanted]


def due_of(row: Row) -> datetime | None:
    """Return the time by which a removal is expected, None without one."""
    return datetime.fromtimestamp(row.due_s).astimezone() if row.due_s is not None else None
