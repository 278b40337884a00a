"""What a handler gets and gives: one record in, any number of outputs out."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.messages import Message


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it came, and which attempt this is."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes] = field(default_factory=dict)
    timestamp_s: float = 0.0
    """When it was written, seconds since the epoch."""
    attempt: int = 1
    last_attempt: bool = False
    """True when a TransientError now means a dead letter."""

    @property
    def written_at(self) -> datetime:
        """When it was written, UTC."""
        return datetime.fromtimestamp(self.timestamp_s, UTC)


class Output(NamedTuple):
    """One message to write; a message of None is a tombstone."""

    topic: str
    key: str
    message: Message | None


type Handler[M: Message] = Callable[[M, Record], AsyncIterator[Output]]
"""An async generator; each output is delivered before the next is asked for."""
