"""Console output of `jikimi replay`."""

from rich.console import Console

from schemas.messages import Run
from streams.replay.engine import Engine
from streams.replay.launch import launch
from streams.replay.plan import RunRequest
from streams.replay.progress import progress_display
from streams.settings import Settings


async def run_replay(settings: Settings, request: RunRequest, console: Console) -> None:
    """Replay and print the result; raises as `launch` does."""
    engines: list[Engine] = []
    async with progress_display(console, engines):
        run = await launch(settings, request, engines.append)
    console.print(_formatted(run), highlight=False, soft_wrap=True)


def _formatted(run: Run) -> str:
    if run.finished_at is None:
        return f"{run.run_id} was stopped: `jikimi replay --run {run.run_id}` continues it"
    done = ", ".join(f"{stage} {n}" for stage, n in run.records.items())
    return (
        f"{run.run_id} is finished: {done}; {run.dead_letters} dead letters\n"
        f"compare it with the live verdicts: jikimi replay compare {run.run_id}"
    )
