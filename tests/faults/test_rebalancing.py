"""Workers that come, go and die while records are worked on: partitions move, nothing is lost."""

import time

from tests.faults.rig import Rig, Worker, duplicates, posts, tell, wait_for

_N = 600


def test_nothing_is_lost_when_a_worker_joins_late_and_another_is_killed(rig: Rig) -> None:
    first, second = two_at_work(rig)
    first.kill()
    assert_all_done(rig)
    assert second.alive


def test_nothing_is_lost_when_a_worker_joins_late_and_another_is_stopped(rig: Rig) -> None:
    first, second = two_at_work(rig)
    assert first.terminate() == 0
    assert_all_done(rig)
    assert second.alive


def test_a_hanging_worker_does_not_hold_up_those_that_join(rig: Rig) -> None:
    rig.environment["JIKIMI_DRAIN_S"] = "3"
    rig.hang(on=True)
    rig.feed(posts(8, "hang 0.1"))
    rig.worker()
    began = time.monotonic()
    rig.worker()
    took_s = time.monotonic() - began
    tell(joined_after_s=took_s)
    assert took_s < 20
    rig.hang(on=False)
    rig.wait_until_committed()
    assert set(rig.keys()) == {record.key for record in posts(8)}


def two_at_work(rig: Rig) -> tuple[Worker, Worker]:
    """Return a worker in the middle of its work and one that has joined it and taken over a part."""
    rig.feed(posts(_N // 2, "slow 0.05") + posts(_N // 2, "slow 0.4", start=_N // 2))
    first = rig.worker()
    wait_for(lambda: rig.keys().total() > _N / 10, "some work done")
    second = rig.worker()
    n_joined = rig.keys().total()
    wait_for(lambda: rig.keys().total() > n_joined + 60, "both at work")
    assert rig.keys().total() < _N, "the second came too late"
    return first, second


def assert_all_done(rig: Rig) -> None:
    began = time.monotonic()
    rig.wait_until_committed()
    keys = rig.keys()
    tell(lost=_N - len(keys), duplicated=duplicates(keys), done_after_s=time.monotonic() - began)
    assert set(keys) == {record.key for record in posts(_N)}
    assert not rig.dead_letters()
