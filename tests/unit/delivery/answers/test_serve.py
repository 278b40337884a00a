from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from schemas.messages import Delivery
from streams.commands.console import console
from streams.delivery.answers import writer as writer_module
from streams.delivery.answers.serve import platform_signers, serve_answers
from streams.delivery.answers.writer import DeliveryWriter
from streams.errors import UsageError
from streams.feeds.http.record_queue import BrokerUnavailableError, QueueFullError
from streams.kafka.producer import TopicWriter
from streams.settings import Settings
from tests.unit.delivery.channels.made import TAKEDOWN, settings
from tests.unit.made_messages import NOW

PLATFORMS = """
video:
  title: Video
  channels: [{kind: mail, to: a@b.example}, {kind: webhook, url: "https://video.example/", secret: hook}]
answering:
  title: Answering
  answers_secret: own
  channels: [{kind: webhook, url: "https://answering.example/", secret: hook}]
other:
  title: others
"""
ANSWER = Delivery(
    delivery_id="d1", takedown_id=TAKEDOWN, case_id="", kind="answer", outcome="refused", number=0, at=NOW
)


def with_platforms(folder: Path, **secrets: str) -> Settings:
    (folder / "platforms.yaml").write_text(PLATFORMS)
    return settings(platforms=folder / "platforms.yaml", secrets=secrets)


def test_a_platform_answers_with_its_own_secret_else_with_that_of_its_webhook(tmp_path: Path) -> None:
    signers = platform_signers(with_platforms(tmp_path, hook="one", own="two"))
    assert {name: signer._whsecret for name, signer in signers.items()} == {"video": b"one", "answering": b"two"}


def test_a_missing_secret_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the secret own is missing"):
        platform_signers(with_platforms(tmp_path, hook="one"))


async def test_nobody_listens_where_nobody_can_answer() -> None:
    with pytest.raises(UsageError, match="nobody can answer"):
        await serve_answers(settings(), "127.0.0.1", 0, None, console)


async def test_bounces_from_other_machines_need_signed_addresses() -> None:
    with pytest.raises(UsageError, match="JIKIMI_DELIVERY_BOUNCE_KEY"):
        await serve_answers(settings(), "0.0.0.0", 0, 0, console)


class Producer(TopicWriter):
    """Keeps what is written, or fails as the real one does: for good."""

    fails: list[Exception]
    written: list[str]

    def __init__(self, fails: list[Exception], written: list[str]) -> None:
        self.fails, self.written = fails, written

    def write(self, topic: str, key: str, message: object) -> None:
        assert message is ANSWER
        self.written.append(f"{topic} {key}")

    def flush(self) -> None:
        if self.fails:
            raise self.fails[0]


async def test_after_a_failure_the_next_answer_has_a_new_producer() -> None:
    written: list[str] = []
    made = iter([Producer([UsageError("the broker did not take it")], written), Producer([], written)])
    writer = DeliveryWriter(settings(), lambda _: next(made))
    with pytest.raises(BrokerUnavailableError):
        await writer.write(ANSWER)
    await writer.write(ANSWER)
    await writer.write(ANSWER)
    assert written == [f"deliveries {TAKEDOWN}"] * 3


async def test_a_producer_that_cannot_be_made_is_an_unavailable_broker() -> None:
    def fail(_: Settings) -> TopicWriter:
        raise KafkaException("no such host")

    with pytest.raises(BrokerUnavailableError):
        await DeliveryWriter(settings(), fail).write(ANSWER)


async def test_the_answers_that_wait_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING", 0)
    with pytest.raises(QueueFullError):
        await DeliveryWriter(settings()).write(ANSWER)
