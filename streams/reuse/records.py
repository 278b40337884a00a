"""Records read again by their position: those of a flood from memory, others from the broker, a few at a time."""

import threading
from collections import OrderedDict

import structlog
from confluent_kafka import KafkaException

from streams.kafka.range_reader import RangeReader
from streams.settings import Settings

log = structlog.get_logger()

_QUEUE_KIB = 1024
"""The client reads ahead; one record is wanted."""
_MAX_BYTES = 64 * 1024 * 1024
"""Of the records in memory; those not used for longest go first."""
_MAX_WAITING = 4
"""Reads from the broker at once, which take turns; beyond it the work is done again rather than wait for them."""

type Place = tuple[str, int, int]


class RecordReader:
    """Reads records by topic, partition and offset, from any thread; its clients connect at their first use."""

    def __init__(self, settings: Settings, max_bytes: int = _MAX_BYTES) -> None:
        self._settings, self._max_bytes = settings, max_bytes
        self._readers: dict[str, RangeReader] = {}
        self._kept: OrderedDict[Place, bytes] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._waiting = threading.Semaphore(_MAX_WAITING)

    def keep(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Keep the value of a record in memory."""
        with self._lock:
            self._n_bytes += len(value) - len(self._kept.pop((topic, partition, offset), b""))
            self._kept[topic, partition, offset] = value
            while self._n_bytes > self._max_bytes:
                self._n_bytes -= len(self._kept.popitem(last=False)[1])

    def read(self, topic: str, partition: int, offset: int) -> bytes | None:
        """Return the value of a record, None if it is gone or the broker does not answer soon; may block."""
        with self._lock:
            if (kept := self._kept.get((topic, partition, offset))) is not None:
                self._kept.move_to_end((topic, partition, offset))
                return kept
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            record = self._reader(topic).record(partition, offset)
        except KafkaException as error:
            log.warning("record not read again", topic=topic, error=repr(error))
            return None
        finally:
            self._waiting.release()
        if record is None or record.value is None:
            return None
        self.keep(topic, partition, offset, record.value)
        return record.value

    def _reader(self, topic: str) -> RangeReader:
        with self._lock:
            if topic not in self._readers:
                self._readers[topic] = RangeReader(self._settings, topic, queued_max_messages_kbytes=_QUEUE_KIB)
            return self._readers[topic]
