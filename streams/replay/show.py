"""`jikimi replay` as a person sees it."""

from rich.console import Console

from schemas.messages import Run
from streams.replay.engine import Engine
from streams.replay.launch import launch
from streams.replay.plan import Asked
from streams.replay.progress import shown
from streams.settings import Settings


async def run_replay(settings: Settings, asked: Asked, console: Console) -> None:
    """Replay, and say what came of it; raises as `launch` does."""
    engines: list[Engine] = []
    async with shown(console, engines):
        run = await launch(settings, asked, engines.append)
    console.print(_told(run), highlight=False, soft_wrap=True)


def _told(run: Run) -> str:
    if run.finished_at is None:
        return f"{run.run_id} was stopped: `jikimi replay --run {run.run_id}` goes on with it"
    done = ", ".join(f"{stage} {n}" for stage, n in run.records.items())
    return (
        f"{run.run_id} is finished: {done}; {run.dead_letters} dead letters\n"
        f"compare it with what was live: jikimi replay compare {run.run_id}"
    )
