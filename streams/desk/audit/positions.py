"""Checkpoints against the log: their own chain, and the digest of each partition at each of them."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.codec import Codec, WireError
from schemas.messages import Checkpoint
from streams.audit import checkpoints
from streams.audit.checkpoints import TOPIC, Anchor
from streams.audit.digest import NOTHING, extended
from streams.audit.signatures import signature_fault
from streams.audit.trusted_keys import TrustedKeys
from streams.desk.audit.finding import Finding, Kind, Record
from streams.desk.audit.scratch import scratch_database

_TABLES = """
CREATE TABLE checkpoint (hash BLOB PRIMARY KEY, number INTEGER, position INTEGER) WITHOUT ROWID;
CREATE TABLE position (
  topic TEXT, partition INTEGER, end INTEGER, digest BLOB, number INTEGER, PRIMARY KEY (topic, partition, end, digest)
) WITHOUT ROWID;
"""


class _Expected(NamedTuple):
    end: int
    digest: bytes
    number: int


class Checkpoints:
    """Checkpoints that verify, in a temporary database, and what is wrong with the others."""

    def __init__(self, codec: Codec, keys: TrustedKeys) -> None:
        self._codec = codec
        self._keys = keys
        self._database = scratch_database(_TABLES)
        self.last: Checkpoint | None = None
        self.n_verified = 0

    def apply(self, record: Record) -> Iterator[Finding]:
        """Verify one checkpoint; yield what is wrong with it."""
        try:
            checkpoint = self._codec.decode(TOPIC, record.value or b"")
        except WireError as error:
            yield _finding(record, "altered", f"it cannot be read: {error.detail}")
            return
        assert isinstance(checkpoint, Checkpoint)
        name = f"checkpoint {checkpoint.number}"
        if fault := signature_fault(checkpoint, self._keys):
            yield _finding(record, "forged", f"{name}: {fault} {checkpoint.key_id}")
            return
        digest = checkpoints.hash_of(checkpoint)
        if (earlier := self._position_of(digest)) is not None:
            yield _finding(record, "replayed", f"{name}: the same as at offset {earlier}")
            return
        if checkpoint.previous and self._position_of(checkpoint.previous) is None:
            yield _finding(record, "missing", f"{name}: the one before it is not in the log")
        if not checkpoint.previous and self.last is not None:
            yield _finding(record, "missing", f"{name}: it starts again, after checkpoint {self.last.number}")
        self._add(checkpoint, digest, record.offset)

    def _add(self, checkpoint: Checkpoint, digest: bytes, offset: int) -> None:
        self._database.execute("INSERT INTO checkpoint VALUES (?, ?, ?)", (digest, checkpoint.number, offset))
        rows = [(one.topic, one.partition, one.end, one.digest, checkpoint.number) for one in checkpoint.positions]
        self._database.executemany("INSERT OR IGNORE INTO position VALUES (?, ?, ?, ?, ?)", rows)
        self.last = checkpoint
        self.n_verified += 1

    def missing(self, anchor: Anchor) -> Finding | None:
        """Return a finding if the checkpoint of an anchor is not in the log."""
        if self._position_of(bytes.fromhex(anchor.hash)) is not None:
            return None
        last = self.last.number if self.last is not None else 0
        kind: Kind = "altered"
        words = f"checkpoint {anchor.number} is not the one of the anchor"
        if last < anchor.number:
            kind, words = "truncated", f"the last checkpoint is {last}, the anchor's is {anchor.number}"
        return Finding(kind=kind, topic=TOPIC, partition=0, offset=0, words=words)

    def partitions(self) -> set[tuple[str, int]]:
        """Return the topics and partitions that checkpoints cover."""
        return set(self._database.execute("SELECT DISTINCT topic, partition FROM position"))

    def expected(self, topic: str, partition: int) -> Iterator[_Expected]:
        """Yield what a partition must be at each checkpoint, by offset."""
        query = "SELECT end, digest, number FROM position WHERE topic = ? AND partition = ? ORDER BY end, number"
        yield from (_Expected(*row) for row in self._database.execute(query, (topic, partition)))

    def _position_of(self, digest: bytes) -> int | None:
        found = self._database.execute("SELECT position FROM checkpoint WHERE hash = ?", (digest,)).fetchone()
        return int(found[0]) if found is not None else None


class PartitionDigest:
    """Digest of one partition, compared with each checkpoint as its records come; stops at the first that differs."""

    def __init__(self, topic: str, partition: int, expected: Iterator[_Expected]) -> None:
        self._topic = topic
        self._partition = partition
        self._expected = expected
        self._next = next(expected, None)
        self._digest = NOTHING
        self._reached = self._right_until = 0

    def apply(self, record: Record) -> Iterator[Finding]:
        """Add one record; yield what is wrong with those before it."""
        while self._next is not None and self._next.end <= record.offset:
            yield from self._compare(self._next)
        self._digest = extended(self._digest, record.offset, record.key, record.value)
        self._reached = record.offset + 1

    def finish(self) -> Iterator[Finding]:
        """Yield what is wrong at the end of the partition."""
        while self._next is not None:
            if self._next.end > self._reached:
                words = f"the log ends at {self._reached}, checkpoint {self._next.number} has seen {self._next.end}"
                yield self._found("truncated", self._reached, words)
                return
            yield from self._compare(self._next)

    def _compare(self, expected: _Expected) -> Iterator[Finding]:
        if expected.digest == self._digest:
            self._right_until, self._next = expected.end, next(self._expected, None)
            return
        self._next = None
        last = expected.end - 1
        words = f"records from here to offset {last} are not those that checkpoint {expected.number} has seen"
        yield self._found("altered", self._right_until, words)

    def _found(self, kind: Kind, offset: int, words: str) -> Finding:
        return Finding(kind=kind, topic=self._topic, partition=self._partition, offset=offset, words=words)


def _finding(record: Record, kind: Kind, words: str) -> Finding:
    return Finding(kind=kind, topic=TOPIC, partition=record.partition, offset=record.offset, words=words)
