"""A record that kills every worker that processes it."""

from tests.faults.rig import Rig, post, posts, print_figures
from tests.support.deadline import until


def test_a_record_that_kills_its_worker_is_set_aside_and_all_others_come_out(rig: Rig) -> None:
    rig.feed([*posts(40), post("killer", "die 1", 3), *posts(40, start=40)])
    deaths = 0
    while True:
        worker = rig.start()
        until(lambda w=worker: not w.alive or rig.committed() == rig.ends(), "an end")  # type: ignore[misc]
        if worker.alive:
            break
        deaths += 1
        assert deaths <= 10, worker.log
    keys, letters = rig.keys(), rig.dead_letters()
    print_figures(deaths=deaths, outputs=keys.total(), dead_letters=len(letters))
    assert set(keys) == {f"post-{i}" for i in range(80)}
    assert [(letter.key, letter.reason, letter.fate) for letter in letters] == [
        (b"killer", "worker_died", "unprocessable")
    ]
