"""CPU of real workers, one a stage, for a minute of video, over a bare loop of the same functions.

Second looks are off: the loop does the first pass. The workers' seconds are those between two idle moments: from after
their start and a post of warm-up to the last verdict; the broker's own are not among them.
"""

from contextlib import ExitStack
from pathlib import Path

from ops.bench.first_pass.files import demonstration, make
from ops.bench.made_records import made_post
from ops.bench.peers.peer import duration_s
from ops.bench.suite.bare import bare_loop
from ops.bench.suite.rig import Rig, rig, several
from ops.bench.suite.section import Figures, Run
from schemas.messages import Post
from streams.demo.processes import Worker
from streams.evaluation.cpu import cpu_s_of

_STAGES = ("decode", "visual", "audio", "text", "match", "fusion", "takedown")
_POSTS, _FULL_POSTS = 24, 240
_FILES = 4
_MINUTE_S = 60.0


def measure(run: Run) -> Figures:
    """Return CPU seconds for a minute of video by stage, of workers and of the loop, and their ratios."""
    run.note("files")
    media = run.folder / "media"
    media.mkdir()
    made = make(media, demonstration(), _FILES, run.seed)
    models = [made_post(file) for files in made.values() for file in files]
    posts = several(models, run.size(_POSTS, _FULL_POSTS), "post")
    minutes = sum(duration_s(Path(post.media[0].url.removeprefix("file://"))) for post in posts) / _MINUTE_S
    with rig(run.folder, media, looks="false") as on:
        run.note("bare loop")
        bare = bare_loop(on.settings, run.folder, models[:1], posts)
        run.note("workers")
        workers = _workers(on, several(models, 1, "warm-up"), posts)
    figures: Figures = {"video_minutes": round(minutes, 1)}
    for stage in _STAGES:
        figures[f"{stage}_worker_s"] = round(workers[stage] / minutes, 3)
        if stage in bare:
            figures[f"{stage}_bare_s"] = round(bare[stage] / minutes, 3)
            figures[stage] = round(workers[stage] / bare[stage], 3)
    return figures | {"total": round(sum(workers.values()) / sum(bare.values()), 3)}


def _workers(on: Rig, warm_up: list[Post], posts: list[Post]) -> dict[str, float]:
    """Return the CPU seconds of each stage's worker for these posts."""
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for stage in _STAGES:
            workers[stage] = stack.enter_context(on.worker([stage]))
        for worker in workers.values():
            worker.wait_until_ready()
        on.feed(warm_up)
        on.wait("verdicts", [post.post_id for post in warm_up], list(workers.values()))
        before = {stage: cpu_s_of(worker.pid) for stage, worker in workers.items()}
        on.feed(posts)
        on.wait("verdicts", [post.post_id for post in posts], list(workers.values()))
        return {stage: cpu_s_of(worker.pid) - before[stage] for stage, worker in workers.items()}
