"""Cases of the console's store: their entries without vectors, and the reviews of their references."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from schemas.messages import Case, CaseKind, Standing
from streams.console.store.database import OWN
from streams.desk.confirm_case import waits
from streams.settings import Settings

PAGE = 100
"""Rows of a page."""
_OWN = OWN.format("case_id")
_COLUMNS = "case_id, name, opened_s, kind, minor, benign, opened_by"
_CASE = msgspec.msgpack.Decoder(Case)
_STANDING = msgspec.msgpack.Decoder(Standing)


class CaseRow(NamedTuple):
    """One case in a list."""

    case_id: str
    name: str
    opened_s: float
    kind: CaseKind
    minor: bool
    benign: bool
    opened_by: str
    """Account; empty if it is not known."""


class Cases:
    """Open cases and allow-lists; vectors are not kept, so a piece of a reference takes a few hundred bytes."""

    def __init__(self, database: sqlite3.Connection, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._changed: set[str] = set()
        """Cases of which it is not known yet whether they wait for a second person."""

    def put(self, key: str, case: Case, offset: int = -1) -> None:
        """Set an entry, which its topic has at this offset."""
        self._changed.add(case.case_id)
        encoded = msgspec.msgpack.encode(_slim(case))
        self._database.execute(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", (key, case.case_id, encoded, offset)
        )
        if key == case.case_id or case.benign:
            row = (case.case_id, case.name, case.opened_at.timestamp(), case.kind, case.minor, case.benign)
            query = f"INSERT OR REPLACE INTO cases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - no text of others in it
            self._database.execute(query, (*row, case.opened_by))
        if key == case.case_id:
            self._set_reviews(case.case_id, minor=case.minor)

    def erase(self, key: str) -> None:
        """Erase an entry; without its policy a case is closed, and its reviews are over."""
        self._database.execute("DELETE FROM entries WHERE key = ?", (key,))
        case_id = key.partition("/")[0]
        self._changed.add(case_id)
        if key == case_id or not self._has_entries(case_id):
            self._database.execute("DELETE FROM cases WHERE case_id = ?", (case_id,))
            self._database.execute("DELETE FROM reviews WHERE case_id = ?", (case_id,))

    def put_standing(self, key: str, standing: Standing | None) -> None:
        """Set or erase the review of a reference or of a case."""
        self._changed.add(key.partition("/")[0])
        if standing is None:
            self._database.execute("DELETE FROM standings WHERE key = ?", (key,))
            return
        row = (key, standing.case_id, msgspec.msgpack.encode(standing))
        self._database.execute("INSERT OR REPLACE INTO standings VALUES (?, ?, ?)", row)

    def find(self, case_id: str) -> CaseRow | None:
        """Return an open case, None if there is no such one."""
        found = self._database.execute(f"SELECT {_COLUMNS} FROM cases WHERE case_id = ?", (case_id,)).fetchone()  # noqa: S608 - likewise
        return _row(found) if found else None

    def owner(self, case_id: str) -> str:
        """Return the account that opened a case; empty if that is not known, or without such an open case."""
        row = self.find(case_id)
        return row.opened_by if row is not None else ""

    def entries(self, case_id: str) -> list[Case]:
        """Return the entries of a case, without vectors."""
        found = self._database.execute("SELECT entry FROM entries WHERE case_id = ? ORDER BY key", (case_id,))
        return [_CASE.decode(entry) for (entry,) in found]

    def newest_reference(self, case_id: str) -> int:
        """Return the offset of a case's newest piece of a reference, -1 without one."""
        query = "SELECT max(offset) FROM entries WHERE case_id = ? AND key <> case_id"
        (newest,) = self._database.execute(query, (case_id,)).fetchone()
        return -1 if newest is None else int(newest)

    def standings(self, case_id: str) -> dict[str, Standing]:
        """Return the reviews of a case's references, by key."""
        found = self._database.execute("SELECT key, standing FROM standings WHERE case_id = ?", (case_id,))
        return {key: _STANDING.decode(standing) for key, standing in found}

    def page(
        self, *, benign: bool, after: tuple[float, str] | None = None, limit: int = PAGE, owner: str | None = None
    ) -> list[CaseRow]:
        """Return open cases or allow-lists, of one owner or all, the newest first; after the page before's last row."""
        more, values = ("AND (-opened_s, case_id) > (?, ?)", (-after[0], after[1])) if after else ("", ())
        query = (
            f"SELECT {_COLUMNS} FROM cases WHERE benign = ? AND {_OWN} {more} ORDER BY opened_s DESC, case_id LIMIT ?"  # noqa: S608 - no text of others in it
        )
        return [_row(found) for found in self._database.execute(query, (benign, owner, owner, *values, limit))]

    def chosen(self, case_ids: Sequence[str]) -> list[CaseRow]:
        """Return the open ones of these cases, in their order."""
        rows = (self.find(case_id) for case_id in case_ids)
        return [row for row in rows if row is not None]

    def waits(self, case_id: str) -> bool:
        """Return whether a case waits for its second person."""
        self._refresh()
        query = "SELECT 1 FROM cases WHERE case_id = ? AND waits"
        return self._database.execute(query, (case_id,)).fetchone() is not None

    def waiting(self, limit: int = PAGE) -> list[CaseRow]:
        """Return the first cases that wait for their second person, the oldest first."""
        self._refresh()
        query = f"SELECT {_COLUMNS} FROM cases WHERE waits ORDER BY opened_s, case_id LIMIT ?"  # noqa: S608 - likewise
        return [_row(found) for found in self._database.execute(query, (limit,))]

    def count_waiting(self) -> tuple[int, float | None]:
        """Return how many cases wait for their second person, and when the oldest was opened, s since the epoch."""
        self._refresh()
        n, oldest_s = self._database.execute("SELECT count(*), min(opened_s) FROM cases WHERE waits").fetchone()
        return int(n), oldest_s

    def count(self, owner: str | None = None) -> tuple[int, int]:
        """Return the numbers of open cases and of allow-lists, of one owner or all."""
        query = f"SELECT benign, count(*) FROM cases WHERE {_OWN} GROUP BY benign"  # noqa: S608 - likewise
        found = dict(self._database.execute(query, (owner, owner)).fetchall())
        return int(found.get(0, 0)), int(found.get(1, 0))

    def _refresh(self) -> None:
        """Ask the desk's rule about the cases that have changed, once for all their records."""
        for case_id in self._changed:
            entries = self.entries(case_id)
            is_waiting = bool(entries) and waits(self._settings, entries, self.standings(case_id))
            self._database.execute("UPDATE cases SET waits = ? WHERE case_id = ?", (is_waiting, case_id))
        self._changed.clear()

    def _has_entries(self, case_id: str) -> bool:
        query = "SELECT 1 FROM entries WHERE case_id = ? LIMIT 1"
        return self._database.execute(query, (case_id,)).fetchone() is not None

    def _set_reviews(self, case_id: str, *, minor: bool) -> None:
        self._database.execute("UPDATE reviews SET minor = ? WHERE case_id = ?", (minor, case_id))


def _slim(case: Case) -> Case:
    if (piece := case.reference) is None:
        return case
    vectors = msgspec.structs.replace(piece.vectors, data=b"")
    slim = msgspec.structs.replace(piece, vectors=vectors, times_s=[], landmarks=None)
    return msgspec.structs.replace(case, reference=slim)


def _row(found: tuple[str, str, float, CaseKind, int, int, str]) -> CaseRow:
    case_id, name, opened_s, kind, minor, benign, opened_by = found
    return CaseRow(case_id, name, opened_s, kind, bool(minor), bool(benign), opened_by)
