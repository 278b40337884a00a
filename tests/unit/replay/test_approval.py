"""Only a current go of exactly this candidate, against what is live, allows a promotion."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from schemas.messages import Deployment, RunComparison
from streams.live_models.deployments import History
from streams.replay.approval import MAX_AGE, objection
from tests.unit.made_messages import NOW
from tests.unit.replay.made_runs import CHOICE, run

MINUTE = timedelta(minutes=1)
OTHER = msgspec.structs.replace(CHOICE, fusion="other@1")
FINISHED = NOW - 10 * MINUTE
COMPARED = NOW - 5 * MINUTE
GO = RunComparison(against="live", go=True, posts=9, finished_at=FINISHED, at=COMPARED)


def objected(*, age: timedelta = timedelta(0), deployed_at: Any = None, comparison: Any = GO, **of_run: Any) -> str:
    deployments = [Deployment(deployment_id="d", choice=CHOICE, why="promote", at=deployed_at)] if deployed_at else []
    candidate = run(**{"finished_at": FINISHED, "comparison": comparison, "choice": OTHER} | of_run)
    return objection(candidate, History(CHOICE, deployments), NOW + age)


def compared(**changes: Any) -> RunComparison:
    return msgspec.structs.replace(GO, **changes)


@pytest.mark.parametrize("given", [
    {},
    {"kind": "shadow"},
    {"age": MAX_AGE - 5 * MINUTE},
    {"deployed_at": COMPARED - MINUTE},
    {"comparison": compared(against="base", against_choice=CHOICE)},
])  # fmt: skip
def test_a_current_go_against_the_live_choice_allows_a_promotion(given: dict[str, Any]) -> None:
    assert not objected(**given)


@pytest.mark.parametrize(("given", "expected"), [
    ({"finished_at": None}, "not reached its end"),
    ({"finished_at": None, "kind": "shadow"}, "stop it"),
    ({"dead_letters": 3}, "3 dead letters"),
    ({"comparison": None}, "has not been compared: `jikimi replay compare try-1`"),
    ({"comparison": compared(go=False)}, "with live was a no-go"),
    ({"comparison": compared(finished_at=FINISHED - MINUTE)}, "continued since its comparison"),
    ({"comparison": compared(posts=0)}, "no post in common"),
    ({"comparison": compared(against="base", against_choice=OTHER)}, "compared with base, which is not live"),
    ({"deployed_at": COMPARED + MINUTE}, "another choice went live since"),
    ({"age": MAX_AGE}, "older than 7 days"),
])  # fmt: skip
def test_anything_else_is_an_objection_that_names_the_reason(given: dict[str, Any], expected: str) -> None:
    assert expected in objected(**given)
