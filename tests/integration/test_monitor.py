"""Monitor on a real Kafka: its metrics of a stage are correct whether the stage works, hangs or does not run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from urllib.request import urlopen

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from schemas.codec import Codec
from schemas.messages import Takedown
from streams.kafka.lag import LagReader, StageLag
from streams.kafka.serving import free_port
from streams.monitor.monitor import Monitor
from streams.topology import STAGES
from tests.integration.made import described, entry, footage
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S, until
from tests.unit.made_messages import takedown, verdict

_CODEC = Codec()


@pytest.fixture
def lag_reader(system: System) -> Iterator[LagReader]:
    with closing(LagReader(system.settings)) as opened:
        until(lambda: has_leaders(opened))
        yield opened


def has_leaders(lag_reader: LagReader) -> bool:
    """Return whether the new partitions have leaders."""
    with suppress(KafkaException):
        return bool(lag_reader.end_offsets())
    return False


def lag_of(lag_reader: LagReader, stage: str) -> StageLag:
    return lag_reader.lags(lag_reader.end_offsets())[stage]


def produce(system: System, topic: str, *written_s: float, partition: int = 0) -> None:
    """Write one record for each of these times, seconds since the epoch."""
    producer = Producer(
        {"bootstrap.servers": system.settings.bootstrap_servers, "enable.idempotence": True, "max.in.flight": 1}
    )
    value = _CODEC.encode("verdicts", verdict())
    for when_s in written_s:
        name = system.settings.topic_prefix + topic
        producer.produce(name, value, partition=partition, timestamp=round(when_s * 1000))
    assert producer.flush(DEADLINE_S) == 0


def transact(system: System, topic: str, n: int, *, commit: bool) -> None:
    """Write records in one transaction."""
    producer = Producer(
        {"bootstrap.servers": system.settings.bootstrap_servers, "transactional.id": f"{topic}-{time.time()}"}
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    for _ in range(n):
        producer.produce(system.settings.topic_prefix + topic, b"value", partition=0)
    producer.flush(DEADLINE_S)
    (producer.commit_transaction if commit else producer.abort_transaction)(DEADLINE_S)


def commit(system: System, group: str, topic: str, offset: int) -> None:
    """Commit for a group without members."""
    admin = AdminClient({"bootstrap.servers": system.settings.bootstrap_servers})
    offsets = TopicPartition(system.settings.topic_prefix + topic, 0, offset)
    name = f"{system.settings.topic_prefix}jikimi-{group}"

    def accepted() -> bool:
        answer = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, [offsets])])[name]
        return all(tp.error is None for tp in answer.result(DEADLINE_S).topic_partitions or [])

    until(accepted)  # the broker's first group has no coordinator for a moment


def test_a_stage_that_never_ran_has_the_age_of_its_first_record(system: System, lag_reader: LagReader) -> None:
    written_s = time.time() - 100.0
    produce(system, "verdicts", written_s, written_s + 50.0)
    produce(system, "verdicts", written_s + 20.0, partition=3)
    lag = lag_of(lag_reader, "takedown")
    assert lag.records == 3
    assert lag.oldest_s == pytest.approx(written_s, abs=0.001)
    assert lag_of(lag_reader, "takedown") == lag
    assert {lag_of(lag_reader, stage) for stage in STAGES if stage != "takedown"} == {StageLag()}


def test_committed_records_do_not_count_as_lag(system: System, lag_reader: LagReader) -> None:
    written_s = time.time() - 100.0
    produce(system, "verdicts", written_s, written_s + 10.0, written_s + 20.0)
    for offset, age_s in ((1, 10.0), (2, 20.0)):
        commit(system, "takedown", "verdicts", offset)
        lag = lag_of(lag_reader, "takedown")
        assert lag.records == 3 - offset
        assert lag.oldest_s == pytest.approx(written_s + age_s, abs=0.001)
    commit(system, "takedown", "verdicts", 3)
    assert lag_of(lag_reader, "takedown") == StageLag()


def test_only_the_group_of_a_stage_counts(system: System, lag_reader: LagReader) -> None:
    produce(system, "verdicts", *([time.time()] * 9))
    for group, offset, left in (("all", 2, 9), ("takedown", 4, 5), ("takedown-x", 9, 5)):
        commit(system, group, "verdicts", offset)
        assert lag_of(lag_reader, "takedown").records == left, group


def test_markers_and_aborted_records_do_not_count_as_lag(system: System, lag_reader: LagReader) -> None:
    transact(system, "posts", 2, commit=True)
    # The marker follows a little later, and counts while there is lag.
    until(lambda: lag_of(lag_reader, "decode").records == 3)
    commit(system, "decode", "posts", 2)
    assert lag_of(lag_reader, "decode") == StageLag()
    transact(system, "posts", 5, commit=False)
    assert lag_of(lag_reader, "decode") == StageLag()
    produce(system, "posts", 1_700_000_000.0)
    assert lag_of(lag_reader, "decode") == StageLag(1, 1_700_000_000.0)


def test_deleted_records_do_not_count_as_lag(system: System, lag_reader: LagReader) -> None:
    written_s = time.time() - 100.0
    produce(system, "verdicts", written_s, written_s + 10.0, written_s + 20.0)
    commit(system, "takedown", "verdicts", 1)
    assert lag_of(lag_reader, "takedown").records == 2
    admin = AdminClient({"bootstrap.servers": system.settings.bootstrap_servers})
    for deletion in admin.delete_records([TopicPartition(f"{system.settings.topic_prefix}verdicts", 0, 2)]).values():
        deletion.result(DEADLINE_S)
    lag = lag_of(lag_reader, "takedown")
    assert lag.records == 1
    assert lag.oldest_s == pytest.approx(written_s + 20.0, abs=0.001)


def test_a_commit_past_the_end_belongs_to_a_recreated_topic(system: System, lag_reader: LagReader) -> None:
    produce(system, "verdicts", time.time(), time.time())
    commit(system, "takedown", "verdicts", 900)
    assert lag_of(lag_reader, "takedown").records == 2


def test_without_topics_there_is_nothing_to_monitor(system: System, prefix: str) -> None:
    elsewhere = {"JIKIMI_TOPIC_PREFIX": f"{prefix}none-", "JIKIMI_METRICS_PORT": str(free_port())}
    answer = system.jikimi("monitor", environment=elsewhere)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert f"{prefix}none-posts does not exist: run `jikimi topics create`" in line


def test_a_metrics_port_is_required(system: System) -> None:
    answer = system.jikimi("monitor")
    assert answer.code == 2
    assert "JIKIMI_METRICS_PORT" in answer.err


def event(takedown_id: str, state: str, age: timedelta) -> Takedown:
    return takedown(takedown_id=takedown_id, state=state, at=datetime.now(UTC) - age)


def value(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, labels)


def updated(monitor: Monitor) -> bool:
    """Return whether an update succeeded: new partitions have no leaders for a moment."""
    with suppress(KafkaException):
        monitor.update()
        return True
    return False


STATES = ("issued", "sent", "reappeared", "held")


def test_pending_takedowns_age_from_their_issue_until_they_end(system: System) -> None:
    hours = timedelta(hours=1)
    for one in (
        event("sent", "issued", 30 * hours),
        event("sent", "sent", 1 * hours),
        event("fresh", "issued", 2 * hours),
        event("gone", "issued", 90 * hours),
        event("gone", "removed", 1 * hours),
        event("back", "issued", 90 * hours),
        event("back", "removed", 60 * hours),
        event("back", "reappeared", 50 * hours),
        event("over", "issued", 90 * hours),
        event("over", "withdrawn", 1 * hours),
        event("waits", "held", 20 * hours),
    ):
        system.write("takedowns", one.takedown_id, one)
    system.write_raw("takedowns", "garbage", b"garbage")
    system.flush()
    with closing(Monitor(system.settings)) as monitor:
        until(lambda: updated(monitor))
        pending = {state: value("jikimi_takedowns_pending", state=state) for state in STATES}
        assert pending == dict.fromkeys(STATES, 1)
        assert value("jikimi_takedown_age_seconds", state="sent") == pytest.approx(30 * 3600, abs=DEADLINE_S)
        assert value("jikimi_takedown_age_seconds", state="reappeared") == pytest.approx(50 * 3600, abs=DEADLINE_S)
        assert [value("jikimi_takedowns_overdue", clock=clock) for clock in ("24h", "48h")] == [2, 1]
        assert value("jikimi_topic_records", topic="takedowns") == 12
        system.write("takedowns", "back", event("back", "removed", 0 * hours))
        system.flush()
        until(lambda: updated(monitor) and value("jikimi_takedowns_pending", state="reappeared") == 0)
        assert [value("jikimi_takedowns_overdue", clock=clock) for clock in ("24h", "48h")] == [1, 0]
    assert value("jikimi_takedowns_pending", state="removed") is None


def test_open_cases_are_counted_without_a_worker(system: System) -> None:
    for case_id in ("case-a", "case-b", "case-c", "case-d"):
        system.write("cases", case_id, entry(case_id))
        system.write("cases", f"{case_id}/r1/visual/0/m@1", entry(case_id))
    system.write("cases", "allow-e/r1/visual/0/m@1", entry("allow-e"))
    system.write("cases", "case-d", None)
    system.flush()
    with closing(Monitor(system.settings)) as monitor:
        until(lambda: updated(monitor))
        assert value("jikimi_open_cases") == 3
        system.write("cases", "case-a", None)
        system.flush()
        until(lambda: updated(monitor) and value("jikimi_open_cases") == 2)


class _Process:
    """`jikimi monitor` as a process."""

    def __init__(self, system: System) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/metrics"
        own = {"JIKIMI_METRICS_PORT": str(port), "JIKIMI_MONITOR_INTERVAL_S": "0.2"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "monitor"], env={**os.environ, **system.environment, **own}
        )

    def read(self, name: str, **labels: str) -> float | None:
        with suppress(OSError, HTTPException), urlopen(self._url, timeout=DEADLINE_S) as page:
            for family in text_string_to_metric_families(page.read().decode()):
                for sample in family.samples:
                    if sample.name == name and sample.labels == labels:
                        return sample.value
        return None


@pytest.fixture
def process(system: System) -> Iterator[_Process]:
    process = _Process(system)
    yield process
    process.process.kill()
    process.process.wait()


def test_a_hanging_stage_has_lag_until_it_continues(system: System, process: _Process) -> None:
    def age_s() -> float | None:
        return process.read("jikimi_oldest_record_age_seconds", stage="fusion")

    worker = system.worker("match")
    fusion = system.worker("fusion")
    until(lambda: age_s() == 0.0)
    assert fusion._process is not None
    fusion._process.send_signal(signal.SIGSTOP)
    began_s = time.time()
    system.write("descriptors", "p1/0/visual", described("p1", footage(1)))
    system.flush()
    until(lambda: (age_s() or 0.0) > 2.0)
    assert (age_s() or 0.0) <= time.time() - began_s
    assert process.read("jikimi_waiting_records", stage="fusion") == 1
    fusion._process.send_signal(signal.SIGCONT)
    until(lambda: age_s() == 0.0)
    until(lambda: process.read("jikimi_waiting_records", stage="match") == 0)
    assert process.read("jikimi_topic_records", topic="descriptors") == 1
    assert began_s < (process.read("jikimi_monitor_looked_timestamp_seconds") or 0.0) <= time.time()
    process.process.terminate()
    assert process.process.wait(DEADLINE_S) == 0
    assert worker.stop() == 0


def test_the_monitor_joins_no_group_and_commits_nothing(system: System) -> None:
    produce(system, "verdicts", time.time())
    with closing(Monitor(system.settings)) as monitor:
        until(lambda: updated(monitor))
    admin = AdminClient({"bootstrap.servers": system.settings.bootstrap_servers})
    groups = {group.group_id for group in admin.list_consumer_groups().result(DEADLINE_S).valid}
    assert not {group for group in groups if group.startswith(system.settings.topic_prefix)}
