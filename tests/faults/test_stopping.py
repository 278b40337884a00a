"""How a worker ends: asked to, in the middle of work, hanging, or because too much goes wrong."""

from tests.faults.rig import UNHURRIED, WINDOW, Rig, duplicates, post, posts, print_figures
from tests.support.deadline import until


def test_a_stopped_worker_finishes_what_it_has_and_loses_nothing(rig: Rig) -> None:
    rig.environment |= UNHURRIED
    # The rest waits for the moment of the stop, and would keep the worker busy for seconds after it.
    fed = posts(80, "slow 0.05") + posts(320, "hang 0.1 slow 0.2", start=80)
    rig.hang(on=True)
    rig.feed(fed)
    first = rig.worker()
    until(rig.keys, "some work done")
    rig.hang(on=False)
    assert first.terminate() == 0
    done = rig.keys()
    assert len(done) < len(fed)
    # What was in flight was finished and committed, or neither.
    assert sum(rig.committed().values()) == len(done)

    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    print_figures(lost=len(fed) - len(keys), duplicated=duplicates(keys))
    assert set(keys) == {record.key for record in fed}
    assert duplicates(keys) == 0


def test_a_stopped_worker_while_a_handler_hangs_ends_in_time_and_loses_nothing(rig: Rig) -> None:
    rig.environment["JIKIMI_DRAIN_S"] = "3"
    fed = [post("hung", "hang 0.1", 3), *posts(60)]
    rig.feed(fed)
    rig.hang(on=True)
    first = rig.worker()
    until(rig.keys, "some work done")
    assert first.terminate() == 0  # 1 is the hard exit of a worker that does not stop in time
    assert first.has_logged("not waiting any longer for records in flight")
    assert rig.committed()[3] == 0
    assert not rig.dead_letters()

    rig.hang(on=False)
    rig.worker()
    rig.wait_until_committed()
    assert set(rig.keys()) == {record.key for record in fed}


def test_too_many_dead_letters_in_a_row_stop_the_worker_before_the_record_that_was_one_too_many(rig: Rig) -> None:
    rig.environment["JIKIMI_MAX_DEAD_LETTERS_IN_A_ROW"] = "20"
    rig.feed([*(post(f"good-{i}") for i in range(4)), *(post(f"bad-{i}", "refuse 1") for i in range(60))])
    worker = rig.worker()
    assert worker.wait() == 1
    assert "more than 20 dead letters in a row" in worker.log
    letters = rig.dead_letters()
    assert sorted(letter.offset for letter in letters) == list(range(4, 4 + len(letters)))
    # Counted as they end: those of a window may end before a good one that was read before them.
    assert 20 <= len(letters) <= 20 + WINDOW
    assert rig.committed()[0] - 4 <= len(letters)

    again = rig.worker()
    assert again.wait() == 1
    # The count went on where it was: a restart may write a tenth of the limit, not the whole of it.
    assert len(rig.dead_letters()) <= len(letters) + 2
