"""Acts of persons and the last checkpoint, and whether their signatures are right."""

import sqlite3
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import msgspec

from schemas.messages import Act, Checkpoint
from streams.audit.signatures import signature_fault
from streams.audit.trusted_keys import Fault, TrustedKeys, trusted_keys
from streams.errors import UsageError
from streams.settings import Settings

MAX_ACTS = 50
"""Acts that are shown of one case or takedown, the last ones."""
_ACT = msgspec.msgpack.Decoder(Act)


class ShownAct(NamedTuple):
    """An act, and what is wrong with its signature, None if it is right."""

    act: Act
    fault: Fault | None


class ShownCheckpoint(NamedTuple):
    """A checkpoint, likewise."""

    checkpoint: Checkpoint
    fault: Fault | None


class Acts:
    """Every act by its subject.

    A signature is verified when its act is shown: whether one is missing, only `jikimi audit verify` can find.
    """

    def __init__(self, database: sqlite3.Connection, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._checkpoint: Checkpoint | None = None

    def add(self, acts: Iterable[Act]) -> None:
        """Apply acts; a repeated one changes nothing."""
        rows = [(act.act_id, act.subject, act.at.timestamp(), msgspec.msgpack.encode(act)) for act in acts]
        self._database.executemany("INSERT OR IGNORE INTO acts VALUES (?, ?, ?, ?)", rows)

    def add_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Apply checkpoints in their order."""
        for checkpoint in checkpoints:
            self._checkpoint = checkpoint

    def checkpoint(self) -> ShownCheckpoint | None:
        """Return the last checkpoint, None without one."""
        last = self._checkpoint
        return ShownCheckpoint(last, signature_fault(last, self._keys)) if last is not None else None

    def of_case(self, case_id: str) -> list[ShownAct]:
        """Return the last acts on a case and its references, the oldest first."""
        return self._shown("subject = ? OR (subject > ? AND subject < ?)", case_id, f"{case_id}/", f"{case_id}0")

    def of_takedown(self, takedown_id: str, label_key: str) -> list[ShownAct]:
        """Return the last acts on a takedown, and on its post for its case, the oldest first."""
        return self._shown("subject IN (?, ?)", takedown_id, label_key)

    def _shown(self, condition: str, *values: str) -> list[ShownAct]:
        query = f"SELECT act FROM acts WHERE {condition} ORDER BY at_s DESC LIMIT ?"  # noqa: S608 - no text of others in it
        found = [_ACT.decode(act) for (act,) in self._database.execute(query, (*values, MAX_ACTS))]
        return [ShownAct(act, signature_fault(act, self._keys)) for act in reversed(found)]

    @cached_property
    def _keys(self) -> TrustedKeys:
        try:
            return trusted_keys(self._settings)
        except UsageError:
            return TrustedKeys([])  # every signature is then of an unknown key
