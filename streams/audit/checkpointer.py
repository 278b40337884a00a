"""Writer of checkpoints: reads what the audited topics got since the last one, and signs how far they are."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog
from confluent_kafka import KafkaException

from schemas.codec import Codec
from schemas.messages import Checkpoint, Position
from streams.audit import checkpoints
from streams.audit.checkpoints import AUDITED, TOPIC
from streams.audit.digest import NOTHING, extended
from streams.audit.last_checkpoint import last_of
from streams.audit.signatures import signed
from streams.audit.signing import Signer
from streams.audit.trusted_keys import TrustedKeys
from streams.errors import BrokerError
from streams.kafka.range_reader import RangeReader
from streams.settings import Settings

log = structlog.get_logger()

_MOST_RECORDS = 200_000
"""Records of one partition between two checkpoints; the next one covers more."""


class Checkpointer:
    """The next checkpoint, from the topics alone; its memory does not depend on them.

    Parameters
    ----------
    readers
        Makes the reader of a topic, by its name without prefix.
    """

    def __init__(
        self, settings: Settings, codec: Codec, signer: Signer, keys: TrustedKeys,
        readers: Callable[[str], RangeReader] | None = None,
    ) -> None:  # fmt: skip
        make = readers or partial(RangeReader, settings)
        self._readers = {name: make(name) for name in (*AUDITED, TOPIC)}
        self._codec = codec
        self._signer = signer
        self._keys = keys

    def next(self) -> Checkpoint | None:
        """Return the next checkpoint, None where nothing was written since the last one; blocks while it reads.

        Raises
        ------
        BrokerError
            The broker does not answer.
        """
        try:
            last = last_of(self._readers[TOPIC], self._codec, self._keys)
            positions = list(self._positions(last))
        except KafkaException as error:
            raise BrokerError(str(error)) from error
        if positions == (last.positions if last is not None else []):
            return None
        number, previous = (last.number + 1, checkpoints.hash_of(last)) if last is not None else (1, b"")
        made = Checkpoint(number=number, at=datetime.now(UTC), previous=previous, positions=positions)
        return signed(made, self._signer)

    def _positions(self, last: Checkpoint | None) -> Iterator[Position]:
        before = {(one.topic, one.partition): one for one in last.positions} if last is not None else {}
        for topic in AUDITED:
            for partition in self._readers[topic].partitions():
                position = self._position(topic, partition, before)
                if position.end:
                    yield position

    def _position(self, topic: str, partition: int, before: Mapping[tuple[str, int], Position]) -> Position:
        fresh = Position(topic=topic, partition=partition, end=0, digest=NOTHING)
        start, reader = before.get((topic, partition), fresh), self._readers[topic]
        end = reader.end(partition)
        if end < start.end:
            log.error("a topic is shorter than at its last checkpoint: run `jikimi audit verify`", topic=topic, end=end)
            start = fresh
        digest, reached = start.digest, start.end
        begin = max(start.end, reader.first(partition))
        for record in reader.read(partition, begin, min(end, begin + _MOST_RECORDS)):
            digest, reached = extended(digest, record.offset, record.key, record.value), record.offset + 1
        return Position(topic=topic, partition=partition, end=reached, digest=digest)
