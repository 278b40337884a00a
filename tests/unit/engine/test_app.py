"""The Faust app of every stage, made and never started: no broker is asked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import MessageSizeTooLargeError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from schemas.topics import TOPICS
from streams.engine.agent import _record
from streams.engine.app import _faust_app, create_apps
from streams.engine.context import Context
from streams.engine.faust_driver.consumer import Consumer
from streams.engine.faust_driver.consumer_thread import Assignor, ConsumerThread
from streams.errors import TransientError, UnprocessableError, UsageError
from streams.match.milvus_archive import MilvusArchive
from streams.settings import Settings, load_settings
from streams.topology import STAGES, source
from tests.unit.made_messages import verdict

READS = {
    "decode": ["posts", "looks"],
    "visual": ["frames"],
    "audio": ["sounds"],
    "text": ["texts"],
    "match": ["descriptors"],
    "fusion": ["scores"],
    "takedown": ["verdicts", "removals", "labels"],
    "delivery": ["takedowns", "deliveries"],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = {"term_key": "0123456789abcdef"}
    return load_settings(bootstrap_servers="127.0.0.1:9", topic_prefix="trial.", archive_dir=tmp_path, **secret)


@pytest.fixture(autouse=True)
def _no_archive_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a stage opened: the app that would do so never runs."""
    opened: list[Any] = []
    plain = MilvusArchive

    def kept(where: Path | str) -> Any:
        opened.append(plain(where))
        return opened[-1]

    monkeypatch.setattr("streams.match.stage.MilvusArchive", kept)
    yield
    for archive in opened:
        archive.close()


async def test_each_stage_has_an_app_and_a_group_of_its_own(settings: Settings) -> None:
    apps = create_apps(STAGES, settings)
    assert [app.conf.id for app in apps] == [f"trial.jikimi-{stage}" for stage in STAGES]
    for stage, app in zip(STAGES, apps, strict=True):
        agents = {name.rpartition(".")[2]: agent for name, agent in app.agents.items()}
        assert {(name, str(topic)) for name, agent in agents.items() for topic in agent.channel.topics} == {
            (f"{stage}-{topic}", f"trial.{topic}") for topic in READS[stage]
        }
        assert not app.tables  # fusion has a table of its own: streams/engine/durable_table.py


@pytest.mark.parametrize("stages", [["fusion"], ["fusion", "takedown"], ["takedown", "fusion", "takedown"]])
async def test_a_stages_group_is_the_same_whatever_else_its_process_runs(settings: Settings, stages: list[str]) -> None:
    groups = [app.conf.id for app in create_apps(stages, settings)]
    assert groups == [f"trial.jikimi-{stage}" for stage in sorted(set(stages))]


async def test_the_stages_of_a_process_share_its_cases_and_models(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts: list[Context] = []
    plain = Context.__init__

    def kept(context: Context, *arguments: Any) -> None:
        contexts.append(context)
        plain(context, *arguments)

    monkeypatch.setattr(Context, "__init__", kept)
    create_apps(["match", "fusion", "takedown"], settings)
    assert len(contexts) == 3
    assert len({id(context.cases) for context in contexts}) == 1
    assert len({id(context.live_models) for context in contexts}) == 1


async def test_an_unknown_stage_is_refused(settings: Settings) -> None:
    with pytest.raises(UsageError, match="'nonsense'"):
        create_apps(["fusion", "nonsense"], settings)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_the_topic_that_is_declared_for_it(stage: str) -> None:
    assert source(stage) == READS[stage][0]


async def test_the_largest_record_fits_through_the_app(settings: Settings) -> None:
    app = _faust_app("trial", settings)
    assert app.conf.producer_max_request_size == max(topic.max_bytes for topic in TOPICS.values())
    assert app.conf.consumer_max_fetch_size == app.conf.producer_max_request_size
    assert app.conf.consumer_auto_offset_reset == "earliest"
    assert not app.conf.topic_allow_declare


async def test_new_partitions_and_a_recreated_topic_are_looked_for_every_30_s(settings: Settings) -> None:
    app = _faust_app("trial", settings)
    assert app.conf.consumer_metadata_max_age_ms == app.conf.producer_metadata_max_age_ms == 15_000


@pytest.fixture
async def consumer(settings: Settings) -> AsyncIterator[Consumer]:
    """Give our driver's consumer in a real app that is not started."""
    app = _faust_app("trial", settings)
    app.topics.acks_enabled_for = lambda _: True  # type: ignore[method-assign,assignment]  # agents set it when they run
    app.consumer_generation_id = 7
    made = app.transport.create_consumer(callback=_never, on_partitions_revoked=_never, on_partitions_assigned=_never)
    assert isinstance(made, Consumer)
    yield made
    made._thread.thread_loop.close()  # the thread that would close its loop never ran


async def _never(_: object) -> None:
    raise AssertionError("nothing is fetched here")


def read(consumer: Consumer, offset: int, generation_id: int = 7) -> ConsumerMessage:
    record: dict[str, Any] = {"timestamp": 0.0, "timestamp_type": 0, "headers": None, "key": b"k", "value": b"v"}
    place: dict[str, Any] = {"topic": "trial.posts", "partition": 0, "offset": offset, "generation_id": generation_id}
    message = ConsumerMessage(**place, **record, checksum=None)
    consumer.track_message(message)
    return message


def acked(consumer: Consumer) -> list[int]:
    return list(consumer._acked[TP("trial.posts", 0)])


async def test_fausts_own_ack_is_ignored(consumer: Consumer) -> None:
    message = read(consumer, 0)
    assert not consumer.ack(message)
    assert acked(consumer) == []
    assert message in consumer._unacked_messages


async def test_what_is_finished_is_acked_once(consumer: Consumer) -> None:
    message = read(consumer, 0)
    assert consumer.finish(message)
    assert not consumer.finish(message)
    assert acked(consumer) == [0]
    assert message not in consumer._unacked_messages


async def test_a_record_that_two_agents_read_is_finished_when_both_have_finished_it(consumer: Consumer) -> None:
    first, second = read(consumer, 0), read(consumer, 1)
    for message in (first, second):
        message.incref(2)
    assert not consumer.finish(first)
    assert not consumer.finish(second)
    assert consumer._new_offset(TP("trial.posts", 0)) is None
    assert consumer.finish(first)
    assert consumer._new_offset(TP("trial.posts", 0)) == 1
    assert consumer.finish(second)
    assert consumer._new_offset(TP("trial.posts", 0)) == 2


async def test_what_faust_acked_before_can_still_be_finished(consumer: Consumer) -> None:
    message = read(consumer, 0)
    message.ack(consumer)
    assert acked(consumer) == []
    assert consumer.finish(message)
    assert acked(consumer) == [0]


async def test_what_was_read_before_a_rebalance_is_not_acked_after_it(consumer: Consumer) -> None:
    old, new = read(consumer, 0, generation_id=6), read(consumer, 1)
    assert not consumer.finish(old)
    assert consumer.finish(new)
    assert acked(consumer) == [1]
    assert old not in consumer._unacked_messages


async def test_a_changelog_that_is_no_longer_fetched_is_no_error(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    changelog = TP("trial.fusion-state", 0)
    state = SimpleNamespace(state_value=lambda _: SimpleNamespace(timestamp=None, highwater=None), active=True)
    fetcher = SimpleNamespace(_subscriptions=SimpleNamespace(subscription=SimpleNamespace(assignment=state)))
    consumer._thread._consumer = SimpleNamespace(_fetcher=fetcher)  # as much as is used
    consumer._thread.time_started = -1000.0
    monkeypatch.setattr(consumer, "assignment", lambda: {changelog})
    consumer._thread.verify_event_path(0.0, changelog)
    assert "has not sent fetch request" in caplog.text  # what Faust would log
    caplog.clear()
    await consumer.verify_all_partitions_active()
    assert not caplog.text


async def test_our_fetch_wait_reaches_the_client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = [RoundRobinPartitionAssignor]
    client = SimpleNamespace(
        _fetch_max_wait_ms=1500, _isolation_level="read_uncommitted", _partition_assignment_strategy=strategy
    )
    monkeypatch.setattr(AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: client)
    thread = object.__new__(ConsumerThread)
    thread._assignor = strategy[0]
    thread._create_worker_consumer(SimpleNamespace(fetch_wait_ms=settings.fetch_wait_ms))
    assert client._fetch_max_wait_ms == settings.fetch_wait_ms
    assert client._isolation_level == "read_committed"
    assert client._partition_assignment_strategy == [Assignor]


async def test_a_client_that_keeps_its_fetch_wait_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: SimpleNamespace())
    with pytest.raises(RuntimeError, match="_fetch_max_wait_ms"):
        object.__new__(ConsumerThread)._create_worker_consumer(SimpleNamespace(fetch_wait_ms=1))


async def test_the_client_in_use_keeps_its_fetch_wait_where_we_set_it() -> None:
    client = aiokafka.AIOKafkaConsumer(fetch_max_wait_ms=123, isolation_level="read_committed")
    client._closed = True  # never started: nothing to close, and close would warn
    assert (client._fetch_max_wait_ms, client._isolation_level) == (123, "read_committed")


@pytest.mark.parametrize(
    ("headers", "taken"),
    [(None, {}), ({}, {}), ([("a", b"1")], {"a": b"1"}), ({"a": b"1"}, {"a": b"1"}), ([("a", None)], {"a": b""})],
)
def test_headers_are_taken_in_whatever_form_they_come(headers: Any, taken: dict[str, bytes]) -> None:
    message = SimpleNamespace(partition=1, offset=2, key=b"k", value=None, headers=headers, timestamp=1.5)
    record = _record("posts", SimpleNamespace(message=message))  # type: ignore[arg-type]  # as much as it uses
    assert (record.topic, record.partition, record.offset, record.headers) == ("posts", 1, 2, taken)
    assert record.written_at.timestamp() == 1.5


@pytest.fixture
async def context(settings: Settings) -> Context:
    return Context(_faust_app("trial", settings), settings)


def sending(
    context: Context, monkeypatch: pytest.MonkeyPatch, answer: Exception | None, offset: int = 7
) -> list[dict[str, Any]]:
    """Have the broker answer so; return what is sent."""
    sent: list[dict[str, Any]] = []

    async def send(**fields: Any) -> asyncio.Future[Any]:
        sent.append(fields)
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        written = SimpleNamespace(partition=3, offset=offset)
        acknowledged.set_result(written) if answer is None else acknowledged.set_exception(answer)
        return acknowledged

    monkeypatch.setattr(context, "topic", lambda _: SimpleNamespace(send=send))
    return sent


async def test_a_record_too_large_for_the_broker_is_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sending(context, monkeypatch, MessageSizeTooLargeError("too large"))
    with pytest.raises(UnprocessableError, match="5 bytes for verdicts") as refused:
        await context.deliver("verdicts", b"k", b"value", {})
    assert refused.value.reason == "output_too_large"


async def test_a_delivery_ends_with_the_brokers_answer(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sending(context, monkeypatch, ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await context.deliver("verdicts", b"k", b"value", {})


@pytest.mark.parametrize(("offset", "position"), [(7, (3, 7)), (-1, None)])
async def test_a_delivery_returns_where_the_record_lies_if_the_broker_says_it(
    context: Context, monkeypatch: pytest.MonkeyPatch, offset: int, position: tuple[int, int] | None
) -> None:
    sending(context, monkeypatch, None, offset)
    assert await context.deliver("verdicts", b"k", b"value", {}) == position


async def test_a_message_is_encoded_for_its_topic(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sending(context, monkeypatch, None)
    await context.send("verdicts", "p1", verdict())
    (fields,) = sent
    assert fields["key"] == b"p1"
    assert context.codec.decode("verdicts", fields["value"]) == verdict()
    with pytest.raises(TypeError):
        await context.send("takedowns", "p1", verdict())


async def test_nothing_is_owned_before_the_app_has_started(context: Context) -> None:
    assert context.owned("verdicts") == set()


async def test_keys_are_placed_as_by_other_clients(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def partitions(name: str) -> int:
        asked.append(name)
        return 8

    monkeypatch.setattr(context.app, "_consumer", SimpleNamespace(topic_partitions=partitions))
    # Kafka's murmur2 of these keys, as the Java client and librdkafka's murmur2_random place them.
    assert [context.partition("scores", key) for key in (b"p1", b"p2", "게시물".encode())] == [2, 2, 5]
    assert set(asked) == {"trial.scores"}


async def test_a_key_has_no_place_without_partitions(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context.app, "_consumer", SimpleNamespace(topic_partitions=lambda _: None))
    with pytest.raises(TransientError):
        context.partition("scores", b"p1")
