"""Twenty kills of random stages, at random and at forced moments, under a continuous feed."""

from pathlib import Path

import pytest

from ops.faults.plan import make_plan
from ops.faults.report import figures
from ops.faults.run import run

pytestmark = pytest.mark.timeout(1800)  # several waits, each with a limit of its own

_SEED, _KILLS = 2, 18  # every stage and every kind of kill; two of them kill twice


def test_twenty_kills_lose_double_and_change_nothing(kafka: str, tmp_path: Path) -> None:
    *_, outcome = run(make_plan(_SEED, _KILLS), _SEED, folder=tmp_path, bootstrap_servers=kafka)
    found = figures(outcome)
    assert outcome.kills >= 20, outcome.done
    assert all(outcome.posts[kind] for kind in ("copy", "other", "mention", "broken", "text"))
    assert {name: found[name] for name in ("lost", "doubled", "wrong", "states_differing", "worker_deaths")} == {
        "lost": 0, "doubled": 0, "wrong": 0, "states_differing": 0, "worker_deaths": 0,
    }, found  # fmt: skip
    assert not found["set_aside"]
    assert found["not_recovered"] == 0
