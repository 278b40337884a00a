"""`jikimi promote RUN`: the choice of a finished run goes live."""

import asyncio

from schemas.messages import Run
from streams.errors import UsageError
from streams.live_models.promotion import promote
from streams.replay.runs import read_run
from streams.settings import Settings


def promote_run(settings: Settings, run_id: str, *, force: bool = False) -> list[str]:
    """Make a run's choice the live one; return the changes, one line each.

    Raises
    ------
    UsageError
        There is no such run; it is not finished or has dead letters, unless forced; or as `promote` raises.
    ModelError
        A model is not in the manifest.
    """
    run = asyncio.run(read_run(settings, run_id)).run
    if not force:
        _refuse_unsound(run)
    return promote(settings, run.choice, run.run_id)


def _refuse_unsound(run: Run) -> None:
    if run.kind == "replay" and run.finished_at is None:
        raise UsageError(f"{run.run_id} has not come to its end: run it again, it goes on where it was, or --force")
    if run.dead_letters:
        raise UsageError(f"{run.run_id} gave up on {run.dead_letters} records: look at them first, or --force")
