"""Handling of the client's messages."""

from typing import Any

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

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
