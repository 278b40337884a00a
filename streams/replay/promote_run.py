"""`jikimi promote RUN`: the models and policy of a run become the live ones."""

import asyncio

from schemas.messages import Run
from streams.errors import UsageError
from streams.live_models.promotion import promote
from streams.replay.runs import read_run
from streams.settings import Settings


def promote_run(settings: Settings, run_id: str, *, force: bool = False) -> list[str]:
    """Make the models and policy of a run live; return the changes, one line each.

    Raises
    ------
    UsageError
        There is no such run; it is not finished or has dead letters, unless forced; or as in `promote`.
    ModelError
        A model is not in the manifest.
    """
    run = asyncio.run(read_run(settings, run_id)).run
    if not force:
        _check_result(run)
    return promote(settings, run.choice, run.run_id)


def _check_result(run: Run) -> None:
    if run.kind == "replay" and run.finished_at is None:
        raise UsageError(f"{run.run_id} has not reached its end: run it again, which continues it, or use --force")
    if run.dead_letters:
        raise UsageError(f"{run.run_id} has {run.dead_letters} dead letters: inspect them first, or use --force")
