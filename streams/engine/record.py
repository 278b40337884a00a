"""Input and outputs of a handler: one record in, any number of messages out."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.messages import Message


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was read, with the number of the attempt on it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes] = field(default_factory=dict)
    timestamp_s: float = 0.0
    """Timestamp of the record, seconds since the epoch."""
    attempt: int = 1
    last_attempt: bool = False
    """Whether a `TransientError` now leads to a dead letter."""

    @property
    def written_at(self) -> datetime:
        """Timestamp of the record, UTC."""
        return datetime.fromtimestamp(self.timestamp_s, UTC)


class Position(NamedTuple):
    """Position of a record in its topic."""

    partition: int
    offset: int


class Output(NamedTuple):
    """One message to write; a message of None is a tombstone."""

    topic: str
    key: str
    message: Message | None


type Handler[M: Message] = Callable[[M, Record], AsyncIterator[Output]]
"""An async generator; each output is delivered before the next is requested."""
