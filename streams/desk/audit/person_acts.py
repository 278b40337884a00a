"""Acts of persons: each signed, once, with who, when and why."""

from collections.abc import Iterator

from schemas.codec import Codec, WireError
from schemas.messages import Act
from streams.audit.signatures import signature_fault
from streams.audit.trusted_keys import TrustedKeys
from streams.desk.audit.finding import Finding, Kind, Record
from streams.desk.audit.scratch import scratch_database
from streams.desk.audit.takedown_chains import latest
from streams.takedown.accepted import acceptance

_TABLES = """
CREATE TABLE seen (id TEXT PRIMARY KEY, position INTEGER) WITHOUT ROWID;
"""


class PersonActs:
    """Verification of all acts."""

    def __init__(self, codec: Codec, keys: TrustedKeys) -> None:
        self._codec = codec
        self._keys = keys
        self._database = scratch_database(_TABLES)
        self.accepted: dict[tuple[str, int], int] = {}
        """What persons have accepted, by takedown and partition."""
        self.n_verified = 0

    def apply(self, record: Record) -> Iterator[Finding]:
        """Verify one record; yield what is wrong with it."""
        try:
            act = self._codec.decode(record.topic, record.value or b"")
        except WireError as error:
            yield _finding(record, "altered", f"it cannot be read: {error.detail}", "")
            return
        assert isinstance(act, Act)
        kind, words = self._fault(act)
        if kind is not None:
            yield _finding(record, kind, words, act.act_id)
            return
        self._database.execute("INSERT INTO seen VALUES (?, ?)", (act.act_id, record.offset))
        self.n_verified += 1
        if (accepted := acceptance(act)) is not None:
            latest(self.accepted, accepted)

    def _fault(self, act: Act) -> tuple[Kind | None, str]:
        if fault := signature_fault(act, self._keys):
            return "forged", f"{act.act} {act.subject}: {fault} {act.key_id}".strip()
        query = "SELECT position FROM seen WHERE id = ?"
        if found := self._database.execute(query, (act.act_id,)).fetchone():
            return "replayed", f"{act.act} {act.subject}: the same act as at offset {found[0]}"
        if lacking := [name for name in ("by", "why") if not getattr(act, name).strip()]:
            return "unexplained", f"{act.act} {act.subject}: without {' and '.join(lacking)}"
        return None, ""


def _finding(record: Record, kind: Kind, words: str, act_id: str) -> Finding:
    return Finding(
        kind=kind, topic=record.topic, partition=record.partition, offset=record.offset, event_id=act_id, words=words
    )
