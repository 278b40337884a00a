"""Producer outside a worker: for the desk and the feeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Delivery

from schemas.messages import Message
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config, create_codec
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import trace

_IN_FLIGHT = 1_000
PARTITION_BY_KEY = -1


class TopicWriter:
    """Producer that tracks delivery; create it with `writing`.

    Parameters
    ----------
    options
        More of librdkafka's producer options, with _ for the dots of their names.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - librdkafka's own values
        self.settings = settings
        self._failed: KafkaError | None = None
        self.codec = create_codec(settings)
        self._options = options
        self._producer = self._connect()

    def _connect(self) -> Producer:
        return Producer(
            client_config(
                self.settings,
                **{
                    "partitioner": "murmur2_random",  # as in the workers' client; the default here differs
                    "enable_idempotence": True,
                    # Of a new partition a broker takes any batch as the first one; an earlier batch that it refused,
                    # because the partition had no leader yet, then counts as a duplicate: acknowledged, never written.
                    "max_in_flight": 1,
                    "message_max_bytes": max(topic.max_bytes for topic in TOPICS.values()),
                    "delivery_timeout_ms": int(max(self.settings.start_grace_s, 1.0) * 1000),
                    **self._options,
                },
            )
        )

    def write(self, topic: str, key: str, message: Message | None) -> None:
        """Queue one message, or a tombstone.

        Raises
        ------
        UsageError
            An earlier message was not delivered.
        """
        value = None if message is None else self.codec.encode(topic, message)
        self.write_bytes(topic, key.encode(), value, trace.first_headers(topic))

    def write_bytes(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: dict[str, bytes] | None = None,
        *,
        at_s: float | None = None,
        partition: int = PARTITION_BY_KEY,
    ) -> None:
        """Queue one encoded record; raises as `write` does.

        Parameters
        ----------
        at_s
            Timestamp of the record, seconds since the epoch; now by default.
        partition
            By the key by default.
        """
        name = self.settings.topic_prefix + topic
        while len(self._producer) >= _IN_FLIGHT:
            self._producer.poll(0.1)
        self._producer.produce(
            name,
            key=key,
            value=value,
            partition=partition,
            headers=list((headers or {}).items()),
            timestamp=0 if at_s is None else round(at_s * 1000),  # 0 is now
            on_delivery=self._delivered,
        )
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Return once the broker acknowledged every record written so far.

        Raises
        ------
        UsageError
            Not all records were acknowledged in time.
        """
        left = self._producer.flush(self.settings.start_grace_s + 1)
        self._check()
        if left:
            raise UsageError(f"{self.settings.bootstrap_servers} did not accept {left} messages in time")

    def _delivered(self, error: KafkaError | None, _: Delivery) -> None:
        self._failed = self._failed or error

    def _check(self) -> None:
        if self._failed is not None:
            raise UsageError(f"{self.settings.bootstrap_servers}: {self._failed.str()}")


@contextmanager
def writing(settings: Settings) -> Iterator[TopicWriter]:
    """Yield a writer; when the block ends, every record is delivered.

    Raises
    ------
    UsageError
        The broker did not acknowledge a message.
    """
    wait_for_broker(settings)
    with usage_errors(settings):
        writer = TopicWriter(settings)
        yield writer
        writer.flush()
