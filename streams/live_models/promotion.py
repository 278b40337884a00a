"""`jikimi promote`, `jikimi rollback`, `jikimi models`: which models are live, changed in one record."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from models.registry import Registry
from schemas.ids import record_id
from schemas.messages import Choice, Deployment, DeploymentReason, Run
from streams.cases.coverage import refuse_uncovered
from streams.desk.open_case import read_cases
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import KEY, TOPIC, History, read_history
from streams.live_models.selection import PARTS, change_choice, create_registry, default_choice, described, difference
from streams.replay.runs import read_run
from streams.settings import Settings


def promote(settings: Settings, run_id: str | None, changes: str | None, *, force: bool = False) -> list[str]:
    """Make a run's choice the live one, or the live one with changes; return what that changed, one line each.

    Raises
    ------
    UsageError
        There is no such run, it is not finished or has dead letters (both passed over by `force`), the choice is live
        already, or an open case would not be found by it. Nothing was written then.
    ModelError
        A model cannot be had.
    """
    if (run_id is None) is (changes is None):
        raise UsageError("promote a RUN_ID, or --with what is to change")
    desk = _desk(settings)
    if changes is not None:
        return _deploy(desk, change_choice(desk.history.live, changes, desk.registry), "promote")
    run = asyncio.run(read_run(settings, run_id or "")).run
    if not force:
        _refuse_unsound(run)
    return _deploy(desk, run.choice, "promote", run=run.run_id)


def roll_back(settings: Settings, *, force: bool = False) -> list[str]:
    """Bring back what the last promotion replaced; return what that changed, one line each.

    Raises
    ------
    UsageError
        Nothing is promoted, or an open case would not be found (passed over by `force`). Nothing was written then.
    """
    desk = _desk(settings)
    if desk.history.before is None:
        raise UsageError("nothing to roll back: the settings' own models are live")
    return _deploy(desk, desk.history.before, "rollback", force=force)


def print_live(settings: Settings, console: Console) -> None:
    """Print what is live, since when, and what was before."""
    history = _desk(settings).history
    last = history.last
    console.print("live " + (f"since {last.at:%Y-%m-%d %H:%M:%S} UTC" if last else "by the settings, nothing promoted"))
    for line in described(history.live):
        console.print(f"  {line}")
    table = Table("when", "why", "run", *PARTS, box=None)
    for deployment in reversed(history.deployments):
        chosen = (getattr(deployment.choice, part) for part in PARTS)
        table.add_row(f"{deployment.at:%Y-%m-%d %H:%M:%S}", deployment.why, deployment.run or "", *chosen)
    if history.deployments:
        console.print(table)


class _Desk(NamedTuple):
    """What is known before anything is written."""

    settings: Settings
    registry: Registry
    history: History


def _desk(settings: Settings) -> _Desk:
    registry = create_registry(settings)
    return _Desk(settings, registry, asyncio.run(read_history(settings, default_choice(registry, settings))))


def _refuse_unsound(run: Run) -> None:
    if run.kind == "replay" and run.finished_at is None:
        raise UsageError(f"{run.run_id} has not come to its end: run it again, it goes on where it was, or --force")
    if run.dead_letters:
        raise UsageError(f"{run.run_id} gave up on {run.dead_letters} records: look at them first, or --force")


def _deploy(
    desk: _Desk, choice: Choice, why: DeploymentReason, *, run: str | None = None, force: bool = False
) -> list[str]:
    for part in PARTS:
        entry = desk.registry.entry(part, getattr(choice, part))
        if not entry.sha256:
            raise UsageError(f"{entry.full_name} is not pinned in the manifest: no worker would load it")
    changed = difference(desk.history.live, choice)
    if not changed:
        raise UsageError("that is what is live already")
    if not force:
        refuse_uncovered(asyncio.run(read_cases(desk.settings)), choice)
    deployment = _deployment(desk.history, choice, why, run)
    with writing(desk.settings) as writer:
        writer.write(TOPIC, KEY, deployment)
    return changed


def _deployment(history: History, choice: Choice, why: DeploymentReason, run: str | None) -> Deployment:
    previous, at = (history.last.deployment_id if history.last else None), datetime.now(UTC)
    return Deployment(
        deployment_id=record_id("deployment", msgspec.json.encode(choice), previous, at.isoformat()),
        choice=choice,
        why=why,
        run=run,
        previous=previous,
        at=at,
    )
