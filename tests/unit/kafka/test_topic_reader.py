"""Handling of the client's messages."""

from typing import Any

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from streams.errors import BrokerError
from streams.kafka.topic_reader import TopicReader
from streams.settings import load_settings


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
