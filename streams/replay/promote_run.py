"""`jikimi promote`: a candidate that its comparison allows, or that a person forces, becomes the live choice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.messages import Choice, Run
from streams.errors import UsageError
from streams.live_models.promotion import Approval, State, promote, read_state
from streams.live_models.selection import change_choice
from streams.replay.approval import objection
from streams.replay.runs import read_run, read_runs
from streams.settings import Settings


def promote_run(settings: Settings, run_id: str, *, by: str = "", force: str | None = None) -> list[str]:
    """Make the models and policy of a run live; return the changes, one line each.

    Parameters
    ----------
    by
        Pseudonym of the person, for the record.
    force
        Why the candidate goes live although no comparison allows it; None for not without one.

    Raises
    ------
    UsageError
        There is no such run; there is an objection to it, unless forced; or as in `promote`.
    ModelError
        A model is not in the manifest.
    """
    run = asyncio.run(read_run(settings, run_id)).run
    return _promote(read_state(settings), run.choice, [run], by, force)


def promote_changes(settings: Settings, changes: str, *, by: str = "", force: str | None = None) -> list[str]:
    """Change parts of the live choice, as `change_choice` reads them; any run of the new choice may allow it.

    Parameters, result and errors as in `promote_run`.
    """
    state = read_state(settings)
    choice = change_choice(state.history.live, changes, state.registry)
    runs = [entry.run for entry in asyncio.run(read_runs(settings)).values() if entry.run.choice == choice]
    return _promote(state, choice, runs, by, force)


def _promote(state: State, choice: Choice, runs: Sequence[Run], by: str, force: str | None) -> list[str]:
    now = datetime.now(UTC)
    objections = {run.run_id: objection(run, state.history, now) for run in runs}
    if allowing := next((run for run in runs if not objections[run.run_id]), None):
        return promote(state, choice, Approval(allowing.run_id, allowing.comparison, by))
    reason = next(iter(objections.values()), "there is no run of this choice: replay it and compare it")
    if force is None:
        raise UsageError(f"{reason}; or use --force REASON")
    approval = Approval(runs[0].run_id, runs[0].comparison, by, force) if runs else Approval(by=by, forced=force)
    return promote(state, choice, approval)
