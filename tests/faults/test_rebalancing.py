"""Workers that come, go and die while records are worked on: partitions move, nothing is lost."""

import time
from collections.abc import Callable

from tests.faults.rig import N_PARTITIONS, Fed, Rig, Worker, duplicates, posts, print_figures
from tests.support.deadline import until

_AHEAD = 400
"""Records kept waiting for the workers: a second one finds work however long it takes to join."""


def test_nothing_is_lost_when_a_worker_joins_late_and_another_is_killed(rig: Rig) -> None:
    fed, first, second = two_at_work(rig)
    first.kill()
    assert_all_done(rig, fed)
    assert second.alive


def test_nothing_is_lost_when_a_worker_joins_late_and_another_is_stopped(rig: Rig) -> None:
    fed, first, second = two_at_work(rig)
    assert first.terminate() == 0
    assert_all_done(rig, fed)
    assert second.alive


def test_a_hanging_worker_does_not_hold_up_those_that_join(rig: Rig) -> None:
    rig.environment["JIKIMI_DRAIN_S"] = "3"
    rig.hang(on=True)
    rig.feed(posts(8, "hang 0.1"))
    first = rig.worker()
    began = time.monotonic()
    rig.worker()
    print_figures(joined_after_s=time.monotonic() - began)
    # The second has partitions although every record of the first still hangs: the first no longer waited for them.
    assert first.alive
    assert first.has_logged("not waiting any longer for records in flight")
    assert not rig.keys()
    rig.hang(on=False)
    rig.wait_until_committed()
    assert set(rig.keys()) == {record.key for record in posts(8)}


def two_at_work(rig: Rig) -> tuple[list[Fed], Worker, Worker]:
    """Return what was fed, a worker in the middle of its work, and one that has joined it and taken over a part."""
    fed: list[Fed] = []
    first = rig.start()
    wait_while_feeding(rig, fed, lambda: rig.keys().total() > 60, "some work done")
    second = rig.start()
    wait_while_feeding(rig, fed, lambda: second.ready, "a second worker that is ready")
    then = rig.committed()
    wait_while_feeding(
        rig, fed, lambda: all(rig.committed()[p] > then[p] for p in range(N_PARTITIONS)), "work done on each partition"
    )
    feed_more(rig, fed)
    return fed, first, second


def wait_while_feeding(rig: Rig, fed: list[Fed], condition: Callable[[], object], what: str) -> None:
    """Return once the condition holds; until then the workers do not run out of records."""

    def holds() -> object:
        if len(fed) - rig.keys().total() < _AHEAD:
            feed_more(rig, fed)
        return condition()

    until(holds, what)


def feed_more(rig: Rig, fed: list[Fed]) -> None:
    more = posts(_AHEAD, "slow 0.1", start=len(fed))
    rig.feed(more)
    fed += more


def assert_all_done(rig: Rig, fed: list[Fed]) -> None:
    began = time.monotonic()
    rig.wait_until_committed()
    keys = rig.keys()
    print_figures(lost=len(fed) - len(keys), duplicated=duplicates(keys), done_after_s=time.monotonic() - began)
    assert set(keys) == {record.key for record in fed}
    assert not rig.dead_letters()
