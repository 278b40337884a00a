"""`jikimi promote`, `jikimi rollback`, `jikimi models`: change and print the live choice; a change is one record."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from models.registry import Registry
from schemas.ids import record_id
from schemas.messages import Choice, Deployment, DeploymentReason, RunComparison
from streams.cases.coverage import refuse_uncovered
from streams.cases.entries import read_cases
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import KEY, TOPIC, History, read_history
from streams.live_models.selection import (
    PARTS,
    choice_lines,
    create_registry,
    default_choice,
    difference,
)
from streams.settings import Settings

log = structlog.get_logger()


class State(NamedTuple):
    """Registry and deployments, read before anything is written."""

    settings: Settings
    registry: Registry
    history: History


class Approval(NamedTuple):
    """Grounds of a deployment, as its record keeps them."""

    run: str | None = None
    comparison: RunComparison | None = None
    by: str = ""
    """Pseudonym of the person."""
    forced: str | None = None
    """Why the person has overridden checks; None where none was."""


def read_state(settings: Settings) -> State:
    """Return the state before a deployment.

    Raises
    ------
    UsageError
        The broker does not answer, or lacks the topic.
    """
    registry = create_registry(settings)
    return State(settings, registry, asyncio.run(read_history(settings, default_choice(registry, settings))))


def promote(state: State, choice: Choice, approval: Approval) -> list[str]:
    """Make a choice live; return the changes, one line each.

    Raises
    ------
    UsageError
        The choice is live already, does not cover an open case, or is forced without a reason. Nothing was written.
    ModelError
        A model is not in the manifest.
    """
    _refuse_invalid(state, choice)
    refuse_uncovered(asyncio.run(read_cases(state.settings)), choice)
    return _deploy(state, choice, "promote", approval)


def roll_back(settings: Settings, *, by: str = "", force: str | None = None) -> list[str]:
    """Make the choice before the last promotion live again; return the changes, one line each.

    Parameters
    ----------
    by
        Pseudonym of the person, for the record.
    force
        Why the choice goes live although it does not cover an open case; None for not then.

    Raises
    ------
    UsageError
        Nothing is promoted, or the choice does not cover an open case, unless forced. Nothing was written.
    """
    state = read_state(settings)
    if state.history.before is None:
        raise UsageError("nothing to roll back: the settings' own models are live")
    _refuse_invalid(state, state.history.before)
    if force is None:
        refuse_uncovered(asyncio.run(read_cases(settings)), state.history.before)
    return _deploy(state, state.history.before, "rollback", Approval(by=by, forced=force))


def print_live(settings: Settings, console: Console) -> None:
    """Print the live choice, its time, and the deployments before it."""
    history = read_state(settings).history
    last = history.last
    console.print("live " + (f"since {last.at:%Y-%m-%d %H:%M:%S} UTC" if last else "by the settings, nothing promoted"))
    for line in choice_lines(history.live):
        console.print(f"  {line}")
    columns = ("when", "why", "run", "by", *PARTS, "policy")
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None)  # no name is cut
    for deployment in reversed(history.deployments):
        policy = deployment.choice.policy
        policy_text = "case" if policy is None else f"{policy.act:g}/{policy.review:g}"  # as --with takes it
        live = (*(getattr(deployment.choice, part) for part in PARTS), policy_text)
        why = deployment.why if deployment.forced is None else f"{deployment.why}, forced: {deployment.forced}"
        row = (f"{deployment.at:%Y-%m-%d %H:%M:%S}", why, deployment.run or "", deployment.by)
        table.add_row(*(escape(text) for text in row), *live)
    if history.deployments:
        console.print(table)


def _refuse_invalid(state: State, choice: Choice) -> None:
    for part in PARTS:
        entry = state.registry.entry(part, getattr(choice, part))
        if not entry.sha256:
            raise UsageError(f"{entry.full_name} is not pinned in the manifest: no worker would load it")
    if not difference(state.history.live, choice):
        raise UsageError("this choice is live already")


def _deploy(state: State, choice: Choice, why: DeploymentReason, approval: Approval) -> list[str]:
    if approval.forced is not None and not approval.forced.strip():
        raise UsageError("--force needs a reason, which is kept: --force REASON")
    last, at = state.history.last, datetime.now(UTC)
    previous = last.deployment_id if last else None
    deployment_id = record_id("deployment", msgspec.json.encode(choice), previous, at.isoformat())
    deployment = Deployment(
        deployment_id=deployment_id, choice=choice, why=why, previous=previous, at=at, **approval._asdict()
    )
    with writing(state.settings) as writer:
        writer.write(TOPIC, KEY, deployment)
    changed = difference(state.history.live, choice)
    if approval.forced is not None:
        log.warning(
            "deployment forced", deployment=deployment_id, run=approval.run, by=approval.by, reason=approval.forced
        )
    return changed
