"""`jikimi promote`, `jikimi rollback`, `jikimi models`: change and print the live choice; a change is one record."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from models.registry import Registry
from schemas.ids import record_id
from schemas.messages import Choice, Deployment, DeploymentReason
from streams.cases.coverage import refuse_uncovered
from streams.cases.entries import read_cases
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import KEY, TOPIC, History, read_history
from streams.live_models.selection import (
    PARTS,
    change_choice,
    choice_lines,
    create_registry,
    default_choice,
    difference,
)
from streams.settings import Settings


def promote(settings: Settings, choice: Choice, run_id: str) -> list[str]:
    """Make a run's choice live; return the changes, one line each.

    Raises
    ------
    UsageError
        The choice is live already, or does not cover an open case. Nothing was written.
    ModelError
        A model is not in the manifest.
    """
    return _deploy(_state(settings), choice, "promote", run=run_id)


def promote_changes(settings: Settings, changes: str) -> list[str]:
    """Change parts of the live choice, as `change_choice` reads them; returns and raises as `promote`."""
    state = _state(settings)
    return _deploy(state, change_choice(state.history.live, changes, state.registry), "promote")


def roll_back(settings: Settings, *, force: bool = False) -> list[str]:
    """Make the choice before the last promotion live again; return the changes, one line each.

    Raises
    ------
    UsageError
        Nothing is promoted, or the choice does not cover an open case (skipped with `force`). Nothing was written.
    """
    state = _state(settings)
    if state.history.before is None:
        raise UsageError("nothing to roll back: the settings' own models are live")
    return _deploy(state, state.history.before, "rollback", force=force)


def print_live(settings: Settings, console: Console) -> None:
    """Print the live choice, its time, and the deployments before it."""
    history = _state(settings).history
    last = history.last
    console.print("live " + (f"since {last.at:%Y-%m-%d %H:%M:%S} UTC" if last else "by the settings, nothing promoted"))
    for line in choice_lines(history.live):
        console.print(f"  {line}")
    table = Table("when", "why", "run", *PARTS, box=None)
    for deployment in reversed(history.deployments):
        models = (getattr(deployment.choice, part) for part in PARTS)
        table.add_row(f"{deployment.at:%Y-%m-%d %H:%M:%S}", deployment.why, deployment.run or "", *models)
    if history.deployments:
        console.print(table)


class _State(NamedTuple):
    """Registry and deployments, read before anything is written."""

    settings: Settings
    registry: Registry
    history: History


def _state(settings: Settings) -> _State:
    registry = create_registry(settings)
    return _State(settings, registry, asyncio.run(read_history(settings, default_choice(registry, settings))))


def _deploy(
    state: _State, choice: Choice, why: DeploymentReason, *, run: str | None = None, force: bool = False
) -> list[str]:
    for part in PARTS:
        entry = state.registry.entry(part, getattr(choice, part))
        if not entry.sha256:
            raise UsageError(f"{entry.full_name} is not pinned in the manifest: no worker would load it")
    changed = difference(state.history.live, choice)
    if not changed:
        raise UsageError("this choice is live already")
    if not force:
        refuse_uncovered(asyncio.run(read_cases(state.settings)), choice)
    last, at = state.history.last, datetime.now(UTC)
    previous = last.deployment_id if last else None
    deployment_id = record_id("deployment", msgspec.json.encode(choice), previous, at.isoformat())
    deployment = Deployment(deployment_id=deployment_id, choice=choice, why=why, run=run, previous=previous, at=at)
    with writing(state.settings) as writer:
        writer.write(TOPIC, KEY, deployment)
    return changed
