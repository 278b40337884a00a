"""What the fault tests hold a worker and its topics with: start, feed, kill, look, compare."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas.codec import Codec
from schemas.messages import DeadLetter, Post
from schemas.topics import TOPICS
from streams.kafka.offsets import committed_offsets, watermarks
from tests.support.deadline import DEADLINE_S, until

N_PARTITIONS = 8
WINDOW = 16
SESSION_S = 6.0  # the least that a broker takes
UNHURRIED = {"JIKIMI_SESSION_TIMEOUT_S": "60"}
"""For a test that kills no worker and counts outputs: one that stands still on a busy machine stays in its group."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CODEC = Codec()

_ROOT = Path(__file__).parents[2]


class Fed(NamedTuple):
    """One record to write; a value of None is a tombstone."""

    partition: int
    key: str
    value: bytes | None


class Found(NamedTuple):
    """One record as read back."""

    partition: int
    offset: int
    key: str
    value: bytes | None


@dataclass
class Rig:
    """A folder, a broker and a prefix; its workers end with it."""

    folder: Path
    bootstrap: str
    prefix: str
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """Arguments of `python -m`; the worker that follows captions by default."""
    stage: str = "decode"
    source: str = "posts"
    workers: list["Worker"] = field(default_factory=list)

    def start(self) -> "Worker":
        """Start a worker."""
        worker = Worker(self)
        self.workers.append(worker)
        return worker

    def worker(self) -> "Worker":
        """Start a worker and return once it has partitions."""
        worker = self.start()
        until(lambda: worker.ready or not worker.alive, "a worker that is ready")
        assert worker.alive, worker.log
        return worker

    def hang(self, *, on: bool) -> None:
        """Let `hang` hang, or not."""
        (self.folder / "hang").touch() if on else (self.folder / "hang").unlink(missing_ok=True)

    def feed(self, records: Iterable[Fed], topic: str | None = None) -> None:
        """Write records and return once the broker has them."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "log_level": 0,
                "enable.idempotence": True,  # a retry must not change the order of the records
                "max.in.flight": 1,
                "message.timeout.ms": int(DEADLINE_S * 1000),
            }
        )
        failed = []
        for record in records:
            producer.produce(
                self.prefix + (topic or self.source),
                key=record.key.encode(),
                value=record.value,
                partition=record.partition,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
            producer.poll(0)
        assert producer.flush(DEADLINE_S) == 0
        assert not failed

    def read(self, topic: str) -> list[Found]:
        """Return everything in a topic."""
        with self._consumer(self.prefix + "reader") as consumer:
            return list(_read(consumer, self.prefix + topic, TOPICS[topic].partitions))

    def keys(self, topic: str = "texts") -> Counter[str]:
        """Return how often each key is in a topic."""
        return Counter(found.key for found in self.read(topic))

    def dead_letters(self) -> list[DeadLetter]:
        """Return everything given up on."""
        letters = [CODEC.decode("dead-letters", found.value or b"") for found in self.read("dead-letters")]
        return [letter for letter in letters if isinstance(letter, DeadLetter)]

    def committed(self) -> dict[int, int]:
        """Return the group's committed offset of each partition, 0 where it has none."""
        with self._consumer(f"{self.prefix}jikimi-{self.stage}") as consumer:
            topic = self.prefix + self.source
            found = committed_offsets(consumer, [(topic, p) for p in range(N_PARTITIONS)], DEADLINE_S)
            return {p: found.get((topic, p), 0) for p in range(N_PARTITIONS)}

    def ends(self) -> dict[int, int]:
        """Return the end of each partition of the source."""
        with self._consumer(self.prefix + "reader") as consumer:
            topic = self.prefix + self.source
            return {p: watermarks(consumer, topic, p, DEADLINE_S)[1] for p in range(N_PARTITIONS)}

    def wait_until_committed(self) -> None:
        """Return once the group has committed everything that was fed."""
        until(lambda: self.committed() == self.ends(), "every offset committed")

    @contextmanager
    def _consumer(self, group: str) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()


def _read(consumer: Consumer, topic: str, n_partitions: int) -> Iterator[Found]:
    consumer.assign([TopicPartition(topic, p, 0) for p in range(n_partitions)])
    at_end: set[int] = set()
    while len(at_end) < n_partitions:
        message = consumer.poll(DEADLINE_S)
        assert message is not None, f"{topic} cannot be read"
        partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
        if error is None:
            yield Found(partition, offset, (message.key() or b"").decode(), message.value())
        elif error.code() == KafkaError._PARTITION_EOF:
            at_end.add(partition)
        elif not error.retriable():
            raise KafkaException(error)


class Worker:
    """A worker process of a rig."""

    def __init__(self, rig: Rig) -> None:
        number = len(rig.workers)
        self._ready_file = rig.folder / f"ready-{number}"
        self._log_file = rig.folder / f"worker-{number}.log"
        settings = {
            "JIKIMI_BOOTSTRAP_SERVERS": rig.bootstrap,
            "JIKIMI_TOPIC_PREFIX": rig.prefix,
            "JIKIMI_WINDOW": str(WINDOW),
            "JIKIMI_SESSION_TIMEOUT_S": str(SESSION_S),
            "JIKIMI_COMMIT_INTERVAL_S": "0.3",
            "JIKIMI_READY_FILE": str(self._ready_file),
        }
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(rig.command or ("tests.faults.worker", str(rig.folder)))],
                env=os.environ | settings | rig.environment,
                cwd=_ROOT,
                stdout=log,
                stderr=log,
            )

    @property
    def ready(self) -> bool:
        return self._ready_file.exists()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def log(self) -> str:
        return self._log_file.read_text(errors="replace")[-3000:]

    def has_logged(self, event: str) -> bool:
        """Return whether its log has this event."""
        return event in self._log_file.read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def wait(self) -> int:
        """Return its exit code once it has ended by itself."""
        return self.process.wait(DEADLINE_S)


def post(post_id: str, caption: str = "", partition: int = 0) -> Fed:
    """Return the record of a post that gives this instruction."""
    message = Post(
        post_id=post_id, platform="test", url="https://example.org/1", published_at=NOW, seen_at=NOW, caption=caption
    )
    return Fed(partition, post_id, CODEC.encode("posts", message))


def posts(n: int, caption: str = "", start: int = 0) -> list[Fed]:
    """Return so many posts that give the same instruction, spread over the partitions."""
    return [post(f"post-{i}", caption, i % N_PARTITIONS) for i in range(start, start + n)]


def duplicates(keys: Counter[str]) -> int:
    """Return how many outputs were written more than once, each repeat counted."""
    return keys.total() - len(keys)


def print_figures(**figures: object) -> None:
    """Print what was measured; `pytest -s` shows it."""
    print(" ".join(f"{name}={value}" for name, value in figures.items()))  # noqa: T201 - figures for people
