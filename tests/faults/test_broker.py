"""A broker that is killed and restarted or stays down: workers wait or crash, and never skip a record."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from ops.broker.kafka import Kafka
from tests.faults.conftest import end
from tests.faults.rig import CODEC, Fed, Rig, duplicates, posts, print_figures
from tests.integration.made import COLUMNS, described
from tests.support.brokers import make_topics
from tests.support.deadline import until

_OUTAGE_S = 25.0
"""Longer than any single query to the broker waits."""


@pytest.fixture
def rig(own_kafka: Kafka, tmp_path: Path) -> Iterator[Rig]:
    make_topics(own_kafka.bootstrap, "")
    rig = Rig(tmp_path, own_kafka.bootstrap, "")
    yield rig
    end(rig)


def test_no_record_is_lost_when_the_broker_is_killed_and_restarted(rig: Rig, own_kafka: Kafka) -> None:
    fed = posts(600, "slow 0.1")
    rig.feed(fed[:300])
    worker = rig.worker()
    until(lambda: rig.keys().total() > 60, "some work done")
    own_kafka.kill()
    feeding = Thread(target=rig.feed, args=(fed[300:],))
    feeding.start()
    own_kafka.start()
    feeding.join()
    if survived := worker.alive:
        until(lambda: not worker.alive or rig.committed() == rig.ends(), "a crash or the end")
        survived = worker.alive
    if not survived:
        assert worker.wait() != 0
        rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    print_figures(lost=600 - len(keys), duplicated=duplicates(keys), worker_survived=survived)
    assert set(keys) == {record.key for record in fed}
    assert not rig.dead_letters()


def test_a_broker_that_stays_down_stops_the_worker_and_causes_no_dead_letters(rig: Rig, own_kafka: Kafka) -> None:
    rig.environment |= {"JIKIMI_DELIVERY_TIMEOUT_S": "5", "JIKIMI_DRAIN_S": "2"}
    fed = posts(80) + posts(320, "hang 0.1", start=80)
    rig.hang(on=True)
    rig.feed(fed)
    worker = rig.worker()
    until(rig.keys, "some work done")
    own_kafka.kill()
    rig.hang(on=False)
    code = worker.wait()
    assert code != 0
    assert not worker.has_logged("hard exit")
    own_kafka.start()
    assert not rig.dead_letters()
    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    print_figures(lost=400 - len(keys), duplicated=duplicates(keys), exit_code=code)
    assert set(keys) == {record.key for record in fed}


def test_background_work_survives_an_outage_of_the_broker(own_kafka: Kafka, tmp_path: Path) -> None:
    make_topics(own_kafka.bootstrap, "")
    worker_command = ("streams.cli", "worker", "match")
    rig = Rig(tmp_path, own_kafka.bootstrap, "", command=worker_command, stage="match", source="descriptors")
    rig.environment["JIKIMI_ARCHIVE_DIR"] = str(tmp_path / "archive")
    worker = rig.worker()
    own_kafka.kill()
    time.sleep(_OUTAGE_S)
    own_kafka.start()
    message = described("after", np.zeros((0, COLUMNS), np.float32))
    rig.feed([Fed(0, "after/0/visual", CODEC.encode("descriptors", message))])
    until(lambda: not worker.alive or "after" in rig.keys("scores"), "a score after the outage")
    assert worker.alive, worker.log
    worker.kill()
