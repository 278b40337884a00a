"""Approval of a promotion: the comparison stored with the candidate's own run, if it is a go and current."""

import asyncio
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from schemas.messages import Run, RunComparison
from streams.kafka.producer import writing
from streams.live_models.deployments import History
from streams.replay.comparison import CompareRequest, Comparison
from streams.replay.runs import read_run
from streams.settings import Settings

MAX_AGE = timedelta(days=7)
"""Age of a comparison above which it allows no promotion: cases and traffic have changed."""


def store_comparison(settings: Settings, request: CompareRequest, found: Comparison, thresholds: Path | None) -> None:
    """Store a comparison with its run, if the run is finished and has not continued meanwhile.

    Raises
    ------
    UsageError
        The run was deleted, or the broker does not answer.
    """
    run = request.run
    if run.finished_at is None:
        return
    stored = RunComparison(
        against=found.against,
        against_choice=request.against.choice if request.against else None,
        go=found.go,
        posts=len(request.before.posts & request.after.posts),
        thresholds=f"{thresholds.name} {sha256(thresholds.read_bytes()).hexdigest()}" if thresholds else "",
        finished_at=run.finished_at,
        at=found.at,
    )
    if asyncio.run(read_run(settings, run.run_id)).run == run:
        with writing(settings) as writer:
            writer.write("runs", run.run_id, msgspec.structs.replace(run, comparison=stored))


def objection(run: Run, history: History, now: datetime) -> str:
    """Return why a run's choice may not be promoted, with what to do; empty if its comparison allows it."""
    return _unsound(run) or _not_compared(run) or _outdated(run, history, now)


def _unsound(run: Run) -> str:
    if run.finished_at is None:
        end = "not reached its end: run it again, which continues it"
        return f"{run.run_id} has {end if run.kind == 'replay' else 'not ended: stop it'}"
    if run.dead_letters:
        return f"{run.run_id} has {run.dead_letters} dead letters: inspect them first"
    return ""


def _not_compared(run: Run) -> str:
    found, command = run.comparison, f"`jikimi replay compare {run.run_id}`"
    if found is None:
        return f"{run.run_id} has not been compared: {command}"
    if found.finished_at != run.finished_at:
        return f"{run.run_id} has continued since its comparison: {command}"
    if not found.go:
        return f"the comparison of {run.run_id} with {found.against} was a no-go: {command} prints why"
    if not found.posts:
        return f"the comparison of {run.run_id} with {found.against} has no post in common: replay a newer window"
    return ""


def _outdated(run: Run, history: History, now: datetime) -> str:
    found, again = run.comparison, "compare it again"
    assert found is not None
    if found.against_choice not in {None, history.live}:
        return f"{run.run_id} was compared with {found.against}, which is not live: {again} with what is"
    if history.last is not None and history.last.at > found.at:
        return f"another choice went live since the comparison of {run.run_id}: {again}"
    if now - found.at > MAX_AGE:
        return f"the comparison of {run.run_id} is older than {MAX_AGE.days} days: {again}"
    return ""
