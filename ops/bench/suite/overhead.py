"""CPU of real workers, one a stage, for a minute of video, over a bare loop of the same functions.

Both take turns, a few posts each, so that both have the same machine; a ratio is of the sums of all turns. Second
looks are off: the loop does the first pass. A worker's seconds are those from a turn's first post to its last verdict;
what it takes while the loop has its turn is a figure of its own. The broker's are not counted.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from ops.bench.first_pass.files import demonstration, make
from ops.bench.made_records import made_post
from ops.bench.peers.peer import duration_s
from ops.bench.suite.bare import BareLoop, bare_loop
from ops.bench.suite.rig import Rig, rig, several
from ops.bench.suite.section import Figures, Run
from schemas.messages import Post
from streams.demo.processes import Worker
from streams.evaluation.cpu import cpu_s_of

_STAGES = ("decode", "visual", "audio", "text", "match", "fusion", "takedown")
_TURNS, _FULL_TURNS = 6, 40
_FILES = 4
_MINUTE_S = 60.0

type Used = dict[str, float]
"""CPU seconds by stage."""


class _Turn(NamedTuple):
    """What the same posts cost."""

    bare: Used
    workers: Used
    idle: Used
    """Of the workers, while the loop ran."""
    loop_s: float
    """How long it ran."""


def measure(run: Run) -> Figures:
    """Return CPU seconds for a minute of video by stage, of workers and of the loop, and their ratios."""
    run.note("files")
    media = run.folder / "media"
    media.mkdir()
    made = make(media, demonstration(), _FILES, run.seed)
    models = [made_post(file) for files in made.values() for file in files]
    turn_minutes = sum(duration_s(Path(post.media[0].url.removeprefix("file://"))) for post in models) / _MINUTE_S
    with rig(run.folder, media, looks="false") as on, _workers(on) as workers:
        return _figures(asyncio.run(_turns(run, on, workers, models)), turn_minutes)


@contextmanager
def _workers(on: Rig) -> Iterator[dict[str, Worker]]:
    with ExitStack() as stack:
        workers = {stage: stack.enter_context(on.worker([stage])) for stage in _STAGES}
        for worker in workers.values():
            worker.wait_until_ready()
        yield workers


async def _turns(run: Run, on: Rig, workers: Mapping[str, Worker], models: Sequence[Post]) -> list[_Turn]:
    """Return the turns after the first, in which everything is loaded."""
    async with bare_loop(on.settings, run.folder) as loop:
        turns = []
        for number in range(1 + run.size(_TURNS, _FULL_TURNS)):
            run.note(f"turn {number}")
            turns.append(await _turn(on, workers, loop, several(models, len(models), f"turn-{number}")))
    return turns[1:]


async def _turn(on: Rig, workers: Mapping[str, Worker], loop: BareLoop, posts: list[Post]) -> _Turn:
    began_s, before = time.perf_counter(), _used(workers)
    bare = await loop.run(posts)
    loop_s, between = time.perf_counter() - began_s, _used(workers)
    on.feed(posts)
    await asyncio.to_thread(on.wait, "verdicts", [post.post_id for post in posts], list(workers.values()))
    return _Turn(bare, _since(between, _used(workers)), _since(before, between), loop_s)


def _used(workers: Mapping[str, Worker]) -> Used:
    return {stage: cpu_s_of(worker.pid) for stage, worker in workers.items()}


def _since(before: Used, now: Used) -> Used:
    return {stage: now[stage] - before[stage] for stage in now}


def _figures(turns: Sequence[_Turn], turn_minutes: float) -> Figures:
    minutes = len(turns) * turn_minutes
    bare, used = _sum([turn.bare for turn in turns]), _sum([turn.workers for turn in turns])
    idle_s, loops_s = sum(_sum([turn.idle for turn in turns]).values()), sum(turn.loop_s for turn in turns)
    figures: Figures = {"video_minutes": round(minutes, 1), "turns": len(turns)}
    for stage in _STAGES:
        figures[f"{stage}_worker_s"] = round(used[stage] / minutes, 3)
        if stage in bare:
            figures[f"{stage}_bare_s"] = round(bare[stage] / minutes, 3)
            figures[stage] = round(used[stage] / bare[stage], 3)
    ratios = [sum(turn.workers.values()) / sum(turn.bare.values()) for turn in turns]
    figures |= {"total_least": round(min(ratios), 3), "total_most": round(max(ratios), 3)}
    figures["idle_cpu_share"] = round(idle_s / loops_s, 4)
    return figures | {"total": round(sum(used.values()) / sum(bare.values()), 3)}


def _sum(each: Sequence[Used]) -> Used:
    return {stage: sum(used[stage] for used in each) for stage in each[0]}
