"""Index of the takedowns topic: where the last event of each takedown is, and what the takedown rests on.

Takedowns are kept for ever, so their events stay in the topic. The index is a private temporary SQLite database of
about 250 bytes a takedown, of which `CACHE_BYTES` are in memory and the rest in an unlinked file of the temporary
folder. It is built from the topic at each start. Texts are kept as digests; a row found by one is a candidate, which
its event confirms.
"""

import sqlite3
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Literal, NamedTuple, get_args

from schemas.messages import PostRef, State, Takedown
from streams.kafka.partitions import key_hash

CACHE_BYTES = 64 * 1024 * 1024
"""Memory of the index: some 250,000 takedowns lie in it whole."""
PAGE_ROWS = 500
"""Rows of one query, so that none holds up the event loop for more than some milliseconds."""

Applied = Literal["applied", "repeated", "gap"]
"""Repeated: the event, or another that follows the same one, is applied already. Gap: an event before it is missing."""

_STATES: tuple[State, ...] = get_args(State)
_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{CACHE_BYTES // 1024};
CREATE TABLE takedown (
  row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, partition INTEGER NOT NULL, position INTEGER NOT NULL,
  link INTEGER NOT NULL, sequence INTEGER NOT NULL, state INTEGER NOT NULL, case_key INTEGER NOT NULL,
  post_hash INTEGER NOT NULL);
CREATE TABLE found_by (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID;
"""


class RemovalTarget(NamedTuple):
    """Target of a removal: a post by its url, or an account by its name."""

    platform: str
    url: str | None = None
    author: str | None = None


class Entry(NamedTuple):
    """One takedown: place of its last event, its state, and the hash of its post's key."""

    row: int
    partition: int
    offset: int
    state: State
    post_hash: int


def removal_targets(post: PostRef) -> list[RemovalTarget]:
    """Return the targets of removals that remove this post."""
    by_url = [RemovalTarget(post.platform, url=post.url)] if post.url else []
    return by_url + ([RemovalTarget(post.platform, author=post.author)] if post.author else [])


def case_key(case_id: str) -> int:
    """Return the key that finds the takedowns of a case."""
    return _digest("case", case_id)


def reference_key(case_id: str, reference_id: str) -> int:
    """Return the key that finds the takedowns with evidence of a reference."""
    return _digest("reference", case_id, reference_id)


def waiting_key(case_id: str) -> int:
    """Return the key that finds the takedowns that were held for the second person of a case."""
    return _digest("waiting", case_id)


def target_key(target: RemovalTarget) -> int:
    """Return the key that finds the takedowns of a post or of an account's posts."""
    return _digest("target", target.platform, target.url or "", target.author or "")


class TakedownIndex:
    """Entries by takedown, and rows by the keys of cases, references and targets."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        # One transaction for ever: nothing is kept beyond the process, and each commit would walk the whole cache.
        self._database.execute("BEGIN")

    @property
    def size_bytes(self) -> int:
        """Size of the index, of which `CACHE_BYTES` at most are in memory."""
        (pages,), (page_bytes,) = (
            self._database.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
        )
        return int(pages * page_bytes)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT coalesce(max(row), 0) FROM takedown").fetchone()[0])

    def apply(self, event: Takedown, partition: int, offset: int) -> Applied:
        """Apply an event if it follows the takedown's last one; otherwise change nothing."""
        takedown_id = _takedown_key(event.takedown_id)
        find = "SELECT row, link, sequence FROM takedown WHERE id = ?"
        last = self._database.execute(find, (takedown_id,)).fetchone()
        _, link, sequence = last if last is not None else (0, _link(b""), 0)
        if link != _link(event.previous):
            return "gap" if last is None or event.sequence > sequence else "repeated"
        place = (partition, offset, _link(event.hash), event.sequence, _STATES.index(event.state))
        if last is not None:
            row = last[0]
            update = "UPDATE takedown SET partition = ?, position = ?, link = ?, sequence = ?, state = ? WHERE row = ?"
            self._database.execute(update, (*place, row))
        else:
            keys = (case_key(event.case_id), key_hash(event.post.post_id.encode()))
            insert = "INSERT INTO takedown VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
            row = self._database.execute(insert, (takedown_id, *place, *keys)).lastrowid
        found_by = "INSERT OR IGNORE INTO found_by VALUES (?, ?)"
        self._database.executemany(found_by, [(key, row) for key in _keys(event)])
        return "applied"

    def find(self, takedown_id: str) -> Entry | None:
        """Return the entry of a takedown, None if it was never issued."""
        return self._entry("id = ?", _takedown_key(takedown_id))

    def get(self, row: int) -> Entry | None:
        """Return the entry of a row."""
        return self._entry("row = ?", row)

    def page(self, key: int, states: Collection[State], after: int) -> tuple[list[Entry], int | None]:
        """Return entries of a key in these states, by row, and the row after which the next page starts, if any."""
        query = f"{_SELECT} JOIN found_by USING (row) WHERE key = ? AND found_by.row > ? ORDER BY found_by.row LIMIT ?"
        entries = [_made(found) for found in self._database.execute(query, (key, after, PAGE_ROWS))]
        following = entries[-1].row if len(entries) == PAGE_ROWS else None
        return [entry for entry in entries if entry.state in states], following

    def has(self, target: RemovalTarget, case_id: str, states: Collection[State]) -> bool:
        """Return whether a takedown of this target and case is in one of these states."""
        query = "SELECT state FROM takedown JOIN found_by USING (row) WHERE key = ? AND case_key = ?"
        found = self._database.execute(query, (target_key(target), case_key(case_id)))
        return any(_STATES[state] in states for (state,) in found)

    def cases(self, states: Collection[State], after: int) -> tuple[set[int], int | None]:
        """Return the keys of the cases of entries in these states, by page as `page` does."""
        query = "SELECT row, state, case_key FROM takedown WHERE row > ? ORDER BY row LIMIT ?"
        rows = self._database.execute(query, (after, PAGE_ROWS)).fetchall()
        following = rows[-1][0] if len(rows) == PAGE_ROWS else None
        return {case for _, state, case in rows if _STATES[state] in states}, following

    def _entry(self, where: str, value: bytes | int) -> Entry | None:
        found = self._database.execute(f"{_SELECT} WHERE {where}", (value,)).fetchone()
        return _made(found) if found is not None else None


_SELECT = "SELECT takedown.row, partition, position, state, post_hash FROM takedown"


def _made(found: tuple[int, int, int, int, int]) -> Entry:
    row, partition, offset, state, post_hash = found
    return Entry(row, partition, offset, _STATES[state], post_hash)


def _keys(event: Takedown) -> Iterable[int]:
    yield case_key(event.case_id)
    yield from map(target_key, removal_targets(event.post))
    if event.case_id in event.held_for:
        yield waiting_key(event.case_id)
    for reference_id in {evidence.reference_id for evidence in event.evidence}:
        yield reference_key(event.case_id, reference_id)


def _takedown_key(takedown_id: str) -> bytes:
    return blake2b(takedown_id.encode(), digest_size=16).digest()


def _link(chain_hash: bytes) -> int:
    return int.from_bytes(chain_hash[:8], signed=True)


def _digest(*parts: str) -> int:
    text = "\x1f".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), signed=True)
