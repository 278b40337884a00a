"""Reader of every message of the demo's topics."""

import threading
from collections.abc import Callable
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.messages import DeadLetter, Delivery, Look, Message, Takedown, Verdict
from schemas.topics import TOPICS
from streams.demo.live_view import FLOW
from streams.kafka.clients import client_config, create_codec
from streams.settings import Settings


class Watcher:
    """Reader of all topics in a thread of its own; it keeps the messages for the report.

    Parameters
    ----------
    on_message
        Called for every message, in the thread.
    """

    def __init__(self, settings: Settings, on_message: Callable[[str, str, Message | None], None]) -> None:
        self._prefix = settings.topic_prefix
        self._on_message = on_message
        self._codec = create_codec(settings)
        self._consumer = Consumer(
            client_config(
                settings,
                group_id="demo-watcher",
                enable_auto_commit=False,
                fetch_wait_max_ms=50,
                fetch_message_max_bytes=max(topic.max_bytes for topic in TOPICS.values()),
            )
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-watcher", daemon=True)
        self.n_seen = 0
        """Messages of all topics."""
        self.verdicts: list[Verdict] = []
        self.takedowns: list[Takedown] = []
        self.dead_letters: list[DeadLetter] = []
        self.deliveries: list[Delivery] = []
        self.looks: list[Look] = []

    def __enter__(self) -> Self:
        partitions = [
            TopicPartition(self._prefix + name, partition, OFFSET_BEGINNING)
            for name in FLOW
            for partition in range(TOPICS[name].partitions)
        ]
        self._consumer.assign(partitions)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for record in self._consumer.consume(200, timeout=0.1):
                topic, value = record.topic(), record.value()
                if record.error() is None and topic is not None:
                    name = topic.removeprefix(self._prefix)
                    message = self._codec.decode(name, value) if value is not None else None
                    self._process(name, (record.key() or b"").decode(errors="replace"), message)

    def _process(self, topic: str, key: str, message: Message | None) -> None:
        self.n_seen += 1
        match message:
            case Verdict():
                self.verdicts.append(message)
            case Takedown():
                self.takedowns.append(message)
            case Delivery():
                self.deliveries.append(message)
            case DeadLetter():
                self.dead_letters.append(message)
            case Look():
                self.looks.append(message)
            case _:
                pass
        self._on_message(topic, key, message)
