"""A test's own system on a shared Kafka: topics under a prefix, workers in processes, writes and reads of topics."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka import Message as Delivery

from schemas.codec import Codec
from schemas.messages import Message
from schemas.topics import TOPICS
from streams import cli
from streams.demo.processes import Worker
from streams.kafka.offsets import end_offsets
from streams.settings import Settings, load_settings
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S

_CODEC = Codec()


class Kept(NamedTuple):
    """One record as read; a message of None is a tombstone."""

    key: str
    message: Any
    raw: bytes
    partition: int
    offset: int


class System:
    """Topics under a prefix; `close` stops every worker and closes every connection."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        make_topics(bootstrap, prefix)
        self.folder = folder
        self.environment = {
            "JIKIMI_BOOTSTRAP_SERVERS": bootstrap,
            "JIKIMI_TOPIC_PREFIX": prefix,
            "JIKIMI_TERM_KEY": "sixteen letters or more",
            "JIKIMI_DESK_FOLDER": str(folder / "desk"),
            "JIKIMI_TIME_ZONE": "Asia/Seoul",
            "JIKIMI_SESSION_TIMEOUT_S": "6",
            "JIKIMI_FUSION_MODEL": "noisy-or@1",  # scores do not depend on the training of the default model
        }
        self._bootstrap, self._prefix = bootstrap, prefix
        self.outputs: list[str] = []
        """What the commands have printed."""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,  # a retry must not change the order of the records
                "max.in.flight": 1,  # see streams/kafka/producer.py
                "message.max.bytes": 16 * 1024 * 1024,
            }
        )
        self._queries = Consumer(_reader(bootstrap, prefix) | {"isolation.level": "read_uncommitted"})
        self._refused: list[str] = []
        self._tails: dict[str, _Tail] = {}
        self._stack = ExitStack()

    @property
    def broker(self) -> tuple[str, str]:
        """Bootstrap servers, and the prefix of its topics."""
        return self._bootstrap, self._prefix

    @property
    def settings(self) -> Settings:
        """Settings of its workers."""
        given = {name.removeprefix("JIKIMI_").lower(): value for name, value in self.environment.items()}
        return load_settings(**given)

    def worker(self, stage: str, name: str = "one") -> Worker:
        """Start a worker of one stage or several in a folder of its own, and return it once it is ready."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        worker = self._stack.enter_context(Worker(stage.split(), folder, self.environment))
        worker.wait_until_ready()
        return worker

    def jikimi(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> "Answer":
        """Run the command in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            input=stdin,
            capture_output=True,
            timeout=2 * DEADLINE_S,  # it may wait more than once, as a check of many links does
            check=False,
            env={**os.environ, **self.environment, **(environment or {})},
        )
        self.outputs += [done.stdout.decode(), done.stderr.decode()]
        return Answer(done.returncode, *self.outputs[-2:])

    def jikimi_here(self, *arguments: str, environment: Mapping[str, str] | None = None) -> "Answer":
        """Run the command in this process, which has loaded the libraries: a process of its own takes a second more."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {**self.environment, **(environment or {})}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["jikimi", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        structlog.reset_defaults()  # otherwise the log would still write to this standard error
        return Answer(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def write(self, topic: str, key: str, message: Message | None) -> None:
        """Queue one message, or a tombstone; `flush` waits for the broker."""
        self.write_raw(topic, key, None if message is None else _CODEC.encode(topic, message))

    def write_raw(self, topic: str, key: str, value: bytes | None) -> None:
        """Queue bytes unencoded."""
        self._producer.produce(self._prefix + topic, key=key.encode(), value=value, on_delivery=self._delivered)
        self._producer.poll(0)

    def flush(self) -> None:
        """Return once the broker has acknowledged every write."""
        assert self._producer.flush(DEADLINE_S) == 0
        assert not self._refused

    def _delivered(self, error: KafkaError | None, message: Delivery) -> None:
        if error is not None:
            self._refused.append(f"{message.topic()}: {error}")

    def records(self, topic: str) -> list[Kept]:
        """Return every record of the topic, in the order of each partition."""
        return self._tail(topic).read()

    def wait[T](self, topic: str, select: Callable[[list[Kept]], T]) -> T:
        """Return `select` of the topic's records as soon as it is true."""
        tail, deadline = self._tail(topic), time.monotonic() + DEADLINE_S
        while not (selected := select(tail.poll())):
            assert time.monotonic() < deadline, f"{len(tail.kept)} records in {topic}, none that match"
        return selected

    def close(self) -> None:
        """Stop the workers and close the connections."""
        self._stack.close()
        for tail in self._tails.values():
            tail.consumer.close()
        self._queries.close()
        self._producer.close()

    def _tail(self, topic: str) -> "_Tail":
        if topic not in self._tails:
            self._tails[topic] = _Tail(self._bootstrap, self._prefix, topic, self._queries)
        return self._tails[topic]


class Answer(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


class _Tail:
    """Reader of one topic from its beginning."""

    def __init__(self, bootstrap: str, prefix: str, topic: str, queries: Consumer) -> None:
        self.kept: list[Kept] = []
        self._topic = topic
        self._queries = queries
        self.consumer = Consumer(_reader(bootstrap, prefix) | {"fetch.wait.max.ms": 100, "enable.partition.eof": True})
        self._positions: dict[int, int] = {}
        self._partitions = [TopicPartition(prefix + topic, number) for number in range(TOPICS[topic].partitions)]
        for partition in self._partitions:
            partition.offset = OFFSET_BEGINNING
        self.consumer.assign(self._partitions)

    def poll(self) -> list[Kept]:
        for record in self.consumer.consume(500, timeout=0.05):
            partition, offset, error = record.partition(), record.offset(), record.error()
            assert partition is not None
            assert offset is not None
            if error is not None:  # the end, which may follow a transaction's marker
                assert error.code() == KafkaError._PARTITION_EOF
                self._positions[partition] = offset
                continue
            self._positions[partition] = offset + 1
            raw = record.value()
            message = None if raw is None else _CODEC.decode(self._topic, raw)
            self.kept.append(Kept((record.key() or b"").decode(), message, raw or b"", partition, offset))
        return self.kept

    def read(self) -> list[Kept]:
        """Read to the current end, past the transactions that are open: the marker of a commit comes a little later."""
        ends = end_offsets(self._queries, [(one.topic, one.partition) for one in self._partitions], DEADLINE_S)
        deadline = time.monotonic() + DEADLINE_S
        while any(self._positions.get(partition, 0) < end for (_, partition), end in ends.items()):
            assert time.monotonic() < deadline
            self.poll()
        return self.kept


def _reader(bootstrap: str, prefix: str) -> dict[str, Any]:
    return {"bootstrap.servers": bootstrap, "group.id": f"{prefix}tail", "enable.auto.commit": False}


def running(bootstrap: str, prefix: str, folder: Path) -> Iterator[System]:
    """Yield a system and close it."""
    system = System(bootstrap, prefix, folder)
    try:
        yield system
    finally:
        system.close()


def by_key(kept: Sequence[Kept], key: str) -> list[Any]:
    """Return the messages of one key, in order."""
    return [record.message for record in kept if record.key == key]
