"""A broker in memory, whose records guards write and stages read again."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.codec import Codec
from schemas.messages import Message, Reusable
from streams.engine.record import Position
from streams.reuse.inputs import Inputs

CODEC = Codec()
KEY = b"sixteen letters or more"


class Kept(NamedTuple):
    topic: str
    key: str
    message: Any


@dataclass
class Log:
    """Records of all topics, each topic with one partition."""

    records: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Topics whose records cannot be read again."""
    unplaced: set[str] = field(default_factory=set)
    """Topics whose writes are acknowledged without a position."""
    read_topics: set[str] = field(default_factory=set)

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> Position | None:  # noqa: ARG002 - of a broker
        self.records.append((topic, key, value or b""))
        return None if topic in self.unplaced else Position(0, len(self._of(topic)) - 1)

    def read(self, topic: str, partition: int, offset: int) -> bytes | None:
        assert partition == 0
        self.read_topics.add(topic)
        values = self._of(topic)
        return None if topic in self.lost or offset >= len(values) else values[offset]

    def keep(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        assert self._of(topic)[offset] == value
        assert partition == 0

    def kept(self, *topics: str) -> list[Kept]:
        return [
            Kept(topic, key.decode(), CODEC.decode(topic, value))
            for topic, key, value in self.records
            if topic in topics
        ]

    def _of(self, topic: str) -> list[bytes]:
        return [value for name, _, value in self.records if name == topic]


class Entries(dict[str, Reusable]):
    """A table without a limit."""

    def put(self, key: str, entry: Reusable) -> None:
        self[key] = entry


def inputs(stage: str, log: Log, entries: Entries | None = None, key: bytes = KEY) -> Inputs:
    return Inputs(stage, key, Entries() if entries is None else entries, log, CODEC)


def without_post(message: Message) -> dict[str, Any]:
    """Return the fields of a message but those that name its post."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return {name: value for name, value in fields.items() if name not in {"segment", "descriptor_id"}}
