"""Cases of the console's store: their entries without vectors, and the reviews of their references."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from schemas.messages import Case, CaseKind, Standing

PAGE = 100
"""Rows of a page."""
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


class Cases:
    """Open cases and allow-lists; vectors are not kept, so a piece of a reference takes a few hundred bytes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put(self, key: str, case: Case) -> None:
        """Set an entry."""
        encoded = msgspec.msgpack.encode(_slim(case))
        self._database.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, case.case_id, encoded))
        if key == case.case_id or case.benign:
            row = (case.case_id, case.name, case.opened_at.timestamp(), case.kind, case.minor, case.benign)
            self._database.execute("INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?, ?, ?)", row)
        if key == case.case_id:
            self._set_reviews(case.case_id, minor=case.minor)

    def erase(self, key: str) -> None:
        """Erase an entry; without its policy a case is closed, and its reviews wait for nobody."""
        self._database.execute("DELETE FROM entries WHERE key = ?", (key,))
        case_id = key.partition("/")[0]
        if key == case_id or not self._has_entries(case_id):
            self._database.execute("DELETE FROM cases WHERE case_id = ?", (case_id,))
            self._database.execute("DELETE FROM reviews WHERE case_id = ?", (case_id,))

    def put_standing(self, key: str, standing: Standing | None) -> None:
        """Set or erase the review of a reference."""
        if standing is None:
            self._database.execute("DELETE FROM standings WHERE key = ?", (key,))
            return
        row = (key, standing.case_id, msgspec.msgpack.encode(standing))
        self._database.execute("INSERT OR REPLACE INTO standings VALUES (?, ?, ?)", row)

    def find(self, case_id: str) -> CaseRow | None:
        """Return an open case, None if there is no such one."""
        found = self._database.execute("SELECT * FROM cases WHERE case_id = ?", (case_id,)).fetchone()
        return _row(found) if found else None

    def entries(self, case_id: str) -> list[Case]:
        """Return the entries of a case, without vectors."""
        found = self._database.execute("SELECT entry FROM entries WHERE case_id = ? ORDER BY key", (case_id,))
        return [_CASE.decode(entry) for (entry,) in found]

    def standings(self, case_id: str) -> dict[str, Standing]:
        """Return the reviews of a case's references, by key."""
        found = self._database.execute("SELECT key, standing FROM standings WHERE case_id = ?", (case_id,))
        return {key: _STANDING.decode(standing) for key, standing in found}

    def page(self, *, benign: bool, after: tuple[float, str] | None = None, limit: int = PAGE) -> list[CaseRow]:
        """Return open cases or allow-lists, the newest first, after the time and id of the page before's last row."""
        more, values = ("AND (-opened_s, case_id) > (?, ?)", (-after[0], after[1])) if after else ("", ())
        query = f"SELECT * FROM cases WHERE benign = ? {more} ORDER BY opened_s DESC, case_id LIMIT ?"  # noqa: S608 - no text of others in it
        return [_row(found) for found in self._database.execute(query, (benign, *values, limit))]

    def chosen(self, case_ids: Sequence[str]) -> list[CaseRow]:
        """Return the open ones of these cases, in their order."""
        rows = (self.find(case_id) for case_id in case_ids)
        return [row for row in rows if row is not None]

    def count(self) -> tuple[int, int]:
        """Return the numbers of open cases and of allow-lists."""
        found = dict(self._database.execute("SELECT benign, count(*) FROM cases GROUP BY benign").fetchall())
        return int(found.get(0, 0)), int(found.get(1, 0))

    def _has_entries(self, case_id: str) -> bool:
        query = "SELECT 1 FROM entries WHERE case_id = ? LIMIT 1"
        return self._database.execute(query, (case_id,)).fetchone() is not None

    def _set_reviews(self, case_id: str, *, minor: bool) -> None:
        self._database.execute("UPDATE reviews SET minor = ? WHERE case_id = ?", (minor, case_id))


def _slim(case: Case) -> Case:
    if (piece := case.reference) is None:
        return case
    vectors = msgspec.structs.replace(piece.vectors, data=b"")
    return msgspec.structs.replace(case, reference=msgspec.structs.replace(piece, vectors=vectors, times_s=[]))


def _row(found: tuple[str, str, float, CaseKind, int, int]) -> CaseRow:
    case_id, name, opened_s, kind, minor, benign = found
    return CaseRow(case_id, name, opened_s, kind, bool(minor), bool(benign))
