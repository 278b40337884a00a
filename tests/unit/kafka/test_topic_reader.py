"""What a follower makes of the client's messages."""

from typing import Any

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from streams.kafka.topic_reader import TopicReader
from streams.settings import load_settings


class Told:
    """An error as the client gives it: of no partition when it concerns the whole client."""

    def error(self) -> KafkaError:
        return KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED, "not for you")

    def partition(self) -> None:
        return None

    def offset(self) -> None:
        return None


async def test_a_group_that_the_broker_refuses_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    crashes: list[Exception] = []
    follower = TopicReader(load_settings(), "cases", lambda _: None, crashes.append)
    told: Any = Told()
    with capture_logs() as said:
        follower._take([told])
    await follower.stop()
    assert crashes == []
    assert [(line["event"], line["topic"]) for line in said] == [("broker trouble", "cases")]
    assert "not for you" in said[0]["error"]
