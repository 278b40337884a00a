"""History of a case's takedowns, gathered in a private temporary database, so that memory is bounded.

The database spills into an unlinked file of the temporary folder; nothing of it outlives the process.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from schemas.messages import Delivery, Notice, Takedown
from streams.delivery.evidence.hashed_events import StoredEvent, stored
from streams.delivery.evidence.withhold import without_victim
from streams.sealing.case_key import Scene, is_sealed_for_case

CACHE_BYTES = 32 * 1024 * 1024
"""Memory of the database."""

_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{CACHE_BYTES // 1024};
CREATE TABLE takedown (id TEXT PRIMARY KEY, case_id TEXT, first_seen REAL, last BLOB, events INTEGER, ignored INTEGER);
CREATE TABLE event (
  takedown TEXT, number INTEGER, json BLOB, hash BLOB, "check" TEXT, key_id TEXT, signature BLOB, sequence INTEGER,
  PRIMARY KEY (takedown, number));
CREATE TABLE delivery (takedown TEXT, at REAL, json BLOB, notice BLOB, UNIQUE (takedown, at, json, notice));
CREATE TABLE notice (digest BLOB PRIMARY KEY, json BLOB);
CREATE TABLE thumbnail (digest BLOB PRIMARY KEY, jpeg BLOB, case_id TEXT, post_id TEXT, medium INTEGER);
CREATE TABLE reference (id TEXT PRIMARY KEY);
"""


class StoredDelivery(NamedTuple):
    """A step of the delivery, and the digest of its notice, which many takedowns may share."""

    delivery: Delivery
    notice: bytes | None
    """SHA-256 of the notice's JSON."""


class TakedownHistory(NamedTuple):
    """All that happened to one takedown."""

    number: int
    """Number in the pack, from 1, by the time when its post was first seen."""
    takedown_id: str
    events: list[StoredEvent]
    deliveries: list[StoredDelivery]
    ignored: int
    """Records that do not follow the chain: written by two workers at once, or by somebody else."""

    def decoded(self) -> list[Takedown]:
        """Return the events as messages, from the JSON that the pack stores."""
        return [msgspec.json.decode(event.json, type=Takedown) for event in self.events]


class CaseHistory:
    """Events and deliveries of the takedowns that an id, of a case or of a takedown, names.

    Parameters
    ----------
    thumbnails
        Keep the blurred thumbnails.
    """

    def __init__(self, identifier: str, *, thumbnails: bool = False) -> None:
        self.identifier = identifier
        self.as_of = datetime.fromtimestamp(0, UTC)
        """Time of the last record."""
        self.minor = False
        """Whether an event marks the victim as a minor."""
        self._thumbnails = thumbnails
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Free memory and disk."""
        self._database.close()

    def add_event(self, event: Takedown) -> None:
        """Add an event of the id, unless it is a repeated one or does not follow the last one of its takedown."""
        if self.identifier not in {event.takedown_id, event.case_id}:
            return
        query = "SELECT last, events FROM takedown WHERE id = ?"
        last, number = self._database.execute(query, (event.takedown_id,)).fetchone() or (None, 0)
        if last is not None and event.previous != last:
            self._ignore(event)
            return
        if last is None:
            row = (event.takedown_id, event.case_id, event.post.seen_at.timestamp())
            self._database.execute("INSERT INTO takedown VALUES (?, ?, ?, NULL, 0, 0)", row)
        update = "UPDATE takedown SET last = ?, events = events + 1 WHERE id = ?"
        self._database.execute(update, (event.hash, event.takedown_id))
        kept = (event.takedown_id, number + 1, *stored(event, thumbnails=self._thumbnails))
        self._database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
        self.as_of, self.minor = max(self.as_of, event.at), self.minor or event.minor
        self._add_evidence(event)

    def _ignore(self, event: Takedown) -> None:
        query = "SELECT 1 FROM event WHERE takedown = ? AND hash = ?"
        if self._database.execute(query, (event.takedown_id, event.hash)).fetchone() is None:
            update = "UPDATE takedown SET ignored = ignored + 1 WHERE id = ?"
            self._database.execute(update, (event.takedown_id,))

    def _add_evidence(self, event: Takedown) -> None:
        for evidence in event.evidence:
            self._database.execute("INSERT OR IGNORE INTO reference VALUES (?)", (evidence.reference_id,))
            if self._thumbnails and evidence.thumbnail is not None:
                scene = Scene(event.case_id, event.post.post_id, evidence.medium)
                row = (sha256(evidence.thumbnail).digest(), evidence.thumbnail, *scene)
                self._database.execute("INSERT OR IGNORE INTO thumbnail VALUES (?, ?, ?, ?, ?)", row)

    def add_delivery(self, delivery: Delivery) -> None:
        """Add a step of the id's delivery; an equal record is kept once."""
        if self.identifier not in {delivery.takedown_id, delivery.case_id}:
            return
        digest = self._add_notice(without_victim(delivery).notice)
        body = msgspec.json.encode(msgspec.structs.replace(delivery, notice=None), order="sorted")
        row = (delivery.takedown_id, delivery.at.timestamp(), body, digest or b"")
        self._database.execute("INSERT OR IGNORE INTO delivery VALUES (?, ?, ?, ?)", row)
        self.as_of = max(self.as_of, delivery.at)

    def _add_notice(self, notice: Notice | None) -> bytes | None:
        if notice is None:
            return None
        digest = sha256(body := msgspec.json.encode(notice, order="sorted")).digest()
        self._database.execute("INSERT OR IGNORE INTO notice VALUES (?, ?)", (digest, body))
        return digest

    @property
    def case_ids(self) -> list[str]:
        """Cases of the takedowns: one, unless an id was used twice."""
        return [case_id for (case_id,) in self._database.execute("SELECT DISTINCT case_id FROM takedown ORDER BY 1")]

    def count(self) -> int:
        """Return the number of takedowns."""
        return int(self._database.execute("SELECT count(*) FROM takedown").fetchone()[0])

    def n_events(self) -> int:
        """Return the number of events."""
        return int(self._database.execute("SELECT count(*) FROM event").fetchone()[0])

    def reference_ids(self) -> list[str]:
        """Return the references that the takedowns rest on."""
        return [reference_id for (reference_id,) in self._database.execute("SELECT id FROM reference ORDER BY id")]

    def takedowns(self, first: int = 1, last: int | None = None) -> Iterator[TakedownHistory]:
        """Yield the histories of takedowns by number, both ends included."""
        query = "SELECT id, ignored FROM takedown ORDER BY first_seen, id LIMIT ? OFFSET ?"
        limit = -1 if last is None else last - first + 1
        rows = self._database.execute(query, (limit, first - 1))
        for number, (takedown_id, ignored) in enumerate(rows, first):
            events, deliveries = self._events(takedown_id), self._deliveries(takedown_id)
            yield TakedownHistory(number, takedown_id, events, deliveries, ignored)

    def _events(self, takedown_id: str) -> list[StoredEvent]:
        query = 'SELECT json, hash, "check", key_id, signature, sequence FROM event WHERE takedown = ? ORDER BY number'
        return [StoredEvent._make(row) for row in self._database.execute(query, (takedown_id,))]

    def _deliveries(self, takedown_id: str) -> list[StoredDelivery]:
        query = "SELECT json, notice FROM delivery WHERE takedown = ? ORDER BY at, json"
        rows = self._database.execute(query, (takedown_id,)).fetchall()
        return [StoredDelivery(msgspec.json.decode(body, type=Delivery), digest or None) for body, digest in rows]

    def notice(self, digest: bytes) -> Notice:
        """Return a notice by the SHA-256 of its JSON."""
        query = "SELECT json FROM notice WHERE digest = ?"
        return msgspec.json.decode(self._database.execute(query, (digest,)).fetchone()[0], type=Notice)

    def notices(self) -> Iterator[bytes]:
        """Yield the JSON of every notice."""
        yield from (body for (body,) in self._database.execute("SELECT json FROM notice ORDER BY digest"))

    def has_sealed_thumbnails(self) -> bool:
        """Return whether any kept thumbnail is sealed; those of earlier versions are not."""
        return any(is_sealed_for_case(jpeg) for _, jpeg in self.thumbnails())

    def unseal_thumbnails(self, unseal: Callable[[bytes, Scene], bytes | None]) -> int:
        """Replace the sealed thumbnails by their JPEG, and drop those that do not unseal; return the number dropped."""
        dropped = 0
        for digest, sealed, *scene in self._database.execute("SELECT * FROM thumbnail").fetchall():
            if not is_sealed_for_case(sealed):
                continue
            if (jpeg := unseal(sealed, Scene(*scene))) is None:
                self._database.execute("DELETE FROM thumbnail WHERE digest = ?", (digest,))
                dropped += 1
            else:
                self._database.execute("UPDATE thumbnail SET jpeg = ? WHERE digest = ?", (jpeg, digest))
        return dropped

    def has_thumbnail(self, digest: str) -> bool:
        """Return whether a thumbnail is kept, by the SHA-256 of what its event contains, hexadecimal."""
        query = "SELECT 1 FROM thumbnail WHERE digest = ?"
        return self._database.execute(query, (bytes.fromhex(digest),)).fetchone() is not None

    def thumbnail(self, digest: str) -> bytes:
        """Return a kept thumbnail by the SHA-256 of what its event contains, hexadecimal."""
        query = "SELECT jpeg FROM thumbnail WHERE digest = ?"
        return bytes(self._database.execute(query, (bytes.fromhex(digest),)).fetchone()[0])

    def thumbnails(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the SHA-256 of what its event contains, and the JPEG, of every kept thumbnail."""
        yield from self._database.execute("SELECT digest, jpeg FROM thumbnail ORDER BY digest")
