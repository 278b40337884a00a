"""Nothing unfinished is ever committed: each case hangs records, lets the others finish, kills, restarts, counts."""

import pytest

from tests.faults.rig import N_PARTITIONS, Fed, Rig, duplicates, post, print_figures
from tests.support.deadline import until

_PER_PARTITION = 40


def numbered(hung: set[tuple[int, int]], caption: str = "hang 0.1") -> list[Fed]:
    """Return posts named by partition and offset, of which those given hang."""
    return [
        post(f"{p}@{i}", caption if (p, i) in hung else "", p)
        for i in range(_PER_PARTITION)
        for p in range(N_PARTITIONS)
    ]


@pytest.mark.parametrize(
    "hung",
    [
        pytest.param({(0, 0)}, id="the first of a partition"),
        pytest.param({(1, 20)}, id="one in the middle"),
        pytest.param({(p, 0) for p in range(N_PARTITIONS)}, id="the first of every partition"),
    ],
)
def test_a_hung_record_is_not_lost_when_the_worker_is_killed(rig: Rig, hung: set[tuple[int, int]]) -> None:
    fed = numbered(hung)
    rig.feed(fed)
    rig.hang(on=True)
    first = rig.worker()
    before = settled(rig, len(fed) - len(hung))
    first.kill()

    committed = rig.committed()
    assert all(committed[p] <= offset for p, offset in hung)
    assert not before & {f"{p}@{offset}" for p, offset in hung}

    rig.hang(on=False)
    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    print_figures(lost=len(fed) - len(keys), duplicated=duplicates(keys), done_before_the_kill=len(before))
    assert set(keys) == {record.key for record in fed}


def test_a_record_that_only_one_of_two_agents_finished_is_not_lost_when_the_worker_is_killed(rig: Rig) -> None:
    hung = {(p, 3) for p in range(N_PARTITIONS)}
    fed = numbered(hung, "second 0.1")
    wanted = {record.key for record in fed} | {f"second/{record.key}" for record in fed}
    (rig.folder / "two").touch()
    rig.feed(fed)
    rig.hang(on=True)
    first = rig.worker()
    before = settled(rig, len(wanted) - len(hung))
    first.kill()

    assert wanted - before == {f"second/{p}@{offset}" for p, offset in hung}
    assert all(committed <= 3 for committed in rig.committed().values())

    rig.hang(on=False)
    rig.worker()
    rig.wait_until_committed()
    assert set(rig.keys()) == wanted


def settled(rig: Rig, n_done: int) -> set[str]:
    """Return what is done once that is so much, nothing more is being done and everything that may be committed is."""
    seen: list[tuple[int, dict[int, int]]] = []

    def nothing_moves() -> bool:
        seen.append((rig.keys().total(), rig.committed()))
        return len(seen) > 8 and seen[-1][0] >= n_done and all(state == seen[-1] for state in seen[-8:])

    until(nothing_moves, "a worker that stands still")
    return set(rig.keys())
