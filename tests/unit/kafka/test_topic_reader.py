"""Handling of the client's messages."""

import asyncio
import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from streams.errors import BrokerError
from streams.kafka import whole_topic
from streams.kafka.topic_reader import TopicReader
from streams.kafka.whole_topic import read_each
from streams.settings import load_settings
from tests.support.deadline import DEADLINE_S


class ClientError:
    """Message with a client error, which has no partition when it concerns the whole client."""

    def error(self) -> KafkaError:
        return KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED, "not for you")

    def partition(self) -> None:
        return None

    def offset(self) -> None:
        return None


async def test_a_refused_group_is_logged_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    crashes: list[Exception] = []
    reader = TopicReader(load_settings(), "cases", lambda _: None, crashes.append)
    message: Any = ClientError()
    with capture_logs() as lines:
        reader._apply_batch([message])
    await reader.stop()
    assert crashes == []
    assert [(line["event"], line["topic"]) for line in lines] == [("broker error", "cases")]
    assert "not for you" in lines[0]["error"]


async def test_a_start_that_failed_is_tried_again_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TopicReader(load_settings(bootstrap_servers="127.0.0.1:9"), "cases", lambda _: None, lambda _: None)
    answers = iter([BrokerError("no answer"), None])
    calls: list[Exception | None] = []

    async def begin() -> None:
        calls.append(next(answers))
        if calls[-1] is not None:
            raise calls[-1]

    monkeypatch.setattr(reader, "_begin", begin)
    with pytest.raises(BrokerError):
        await reader.start()
    await reader.start()
    await reader.start()
    assert len(calls) == 2
    await reader.stop()


class Record:
    """One record of an endless partition."""

    def __init__(self, offset: int, n_bytes: int) -> None:
        self._offset, self._n_bytes = offset, n_bytes

    def __len__(self) -> int:
        return self._n_bytes

    def error(self) -> None:
        return None

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes:
        return b"value"

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class EndlessTopic:
    """Client that has always fetched another record."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes, self.n_polled = n_bytes, 0

    def poll(self, _: float) -> Record:
        self.n_polled += 1
        return Record(self.n_polled - 1, self.n_bytes)

    def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize(("n_bytes", "records_of_a_batch"), [(100, 500), (1024 * 1024, 4), (8 * 1024 * 1024, 1)])
async def test_a_reader_holds_a_few_batches_at_most_while_they_are_not_applied(
    n_bytes: int, records_of_a_batch: int
) -> None:
    applied: list[int] = []
    settings = load_settings(bootstrap_servers="127.0.0.1:9")
    reader = TopicReader(settings, "cases", lambda updates: applied.append(len(updates)), lambda _: None)
    reader._consumer.close()
    topic: Any = EndlessTopic(n_bytes)
    reader._consumer, reader._loop = topic, asyncio.get_running_loop()
    reader._thread = threading.Thread(target=reader._read)
    reader._thread.start()
    while topic.n_polled < 4 * records_of_a_batch:  # the event loop is busy with this
        time.sleep(0.001)  # noqa: ASYNC251 - likewise
    reader._thread.join(1.0)
    assert topic.n_polled == 4 * records_of_a_batch
    assert applied == []
    await asyncio.sleep(0)
    assert applied == 4 * [records_of_a_batch]
    await reader.stop()


class OneRecord:
    """The only record of a topic."""

    def __len__(self) -> int:
        return 1

    def error(self) -> None:
        return None

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def timestamp(self) -> tuple[int, int]:
        return 1, 1000


async def test_an_error_of_what_is_done_with_a_record_is_not_taken_for_a_silent_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def start(self: TopicReader) -> None:
        await asyncio.sleep(0)
        record: Any = OneRecord()
        self._apply_batch([record])

    def apply(_: object) -> None:
        raise KeyError("what no version of ours has written")

    monkeypatch.setattr(whole_topic, "wait_for_broker", lambda _: None)
    monkeypatch.setattr(TopicReader, "start", start)
    settings = load_settings(bootstrap_servers="127.0.0.1:9", start_grace_s=DEADLINE_S)
    with pytest.raises(KeyError, match="no version of ours"):
        await read_each(settings, "cases", apply)
