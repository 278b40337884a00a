"""A broker that dies, comes back or stays away: workers wait or crash, and never skip."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from ops.broker.kafka import Kafka
from tests.faults.conftest import end
from tests.faults.rig import Rig, duplicates, posts, tell, wait_for
from tests.support.brokers import make_topics


@pytest.fixture
def rig(own_kafka: Kafka, tmp_path: Path) -> Iterator[Rig]:
    make_topics(own_kafka.bootstrap, "")
    rig = Rig(tmp_path, own_kafka.bootstrap, "")
    yield rig
    end(rig)


def test_nothing_is_lost_when_the_broker_is_killed_and_comes_back(rig: Rig, own_kafka: Kafka) -> None:
    fed = posts(600, "slow 0.1")
    rig.feed(fed[:300])
    worker = rig.worker()
    wait_for(lambda: rig.keys().total() > 60, "some work done")
    own_kafka.kill()
    feeding = Thread(target=rig.feed, args=(fed[300:],))
    feeding.start()
    own_kafka.start()
    feeding.join()
    if lived := worker.alive:
        wait_for(lambda: not worker.alive or rig.committed() == rig.ends(), "a crash or the end", 60)
        lived = worker.alive
    if not lived:
        assert worker.wait() != 0
        rig.worker()
    rig.wait_until_committed(60)
    keys = rig.keys()
    tell(lost=600 - len(keys), duplicated=duplicates(keys), worker_lived=lived)
    assert set(keys) == {record.key for record in fed}
    assert not rig.dead_letters()


def test_a_broker_that_stays_away_stops_the_worker_and_no_record_is_given_up_for_it(rig: Rig, own_kafka: Kafka) -> None:
    rig.environment |= {"JIKIMI_DELIVERY_TIMEOUT_S": "5", "JIKIMI_DRAIN_S": "2"}
    fed = posts(400, "slow 0.1")
    rig.feed(fed)
    worker = rig.worker()
    wait_for(lambda: rig.keys().total() > 30, "some work done")
    own_kafka.kill()
    code = worker.wait(60)
    assert code != 0
    own_kafka.start()
    assert not rig.dead_letters()
    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    tell(lost=400 - len(keys), duplicated=duplicates(keys), exit_code=code)
    assert set(keys) == {record.key for record in fed}
