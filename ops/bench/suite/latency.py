"""From post to takedown at shares of the measured capacity: one process with all stages on a real Apache Kafka.

Every post has a clip that is an edited copy of a case; posts arrive at random (a Poisson process). The capacity is the
rate at which such posts are drained. The split is of means, from the workers' own metrics: of each stage the time from
reading a record to its durable outcome, and before it the wait, which is the hop through the broker and the queue.
"""

import time
from collections.abc import Collection

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from ops.bench.suite.rig import ALL_STAGES, Rig, rig, several
from ops.bench.suite.section import Figures, Run
from schemas.messages import Post, Takedown
from streams.demo.posts import build_posts
from streams.demo.processes import Worker
from streams.demo.scenario import CLOVER, SCENES

_SHARES = (20, 50, 80)
"""Per cent of the capacity."""
_POSTS, _FULL_POSTS = 30, 1_000
_CLIPS = 3
_MEASURED = {"jikimi_stage_seconds": "", "jikimi_waiting_seconds": "_waiting"}

type Sums = dict[str, tuple[float, float]]
"""Sum and number of what a metric observed, by stage."""


def measure(run: Run) -> Figures:
    """Return capacity, percentiles of the latency at each share of it, and the means that it consists of."""
    run.note("clips")
    media = run.folder / "media"
    media.mkdir()
    n_posts = run.size(_POSTS, _FULL_POSTS)
    figures: Figures = {}
    with rig(run.folder, media) as on, on.worker(ALL_STAGES) as worker:
        models = copies(on)
        worker.wait_until_ready()
        capacity = drained(on, several(models, 2 * _CLIPS, "warm-up"), [worker])  # everything is loaded
        run.note("capacity")
        capacity = drained(on, several(models, n_posts, "capacity"), [worker])
        figures["capacity_posts_per_s"] = round(capacity, 2)
        for share in _SHARES:
            run.note(f"{share} % of the capacity")
            before = _sums(worker)
            waited = _latencies(on, several(models, n_posts, f"at-{share}"), capacity * share / 100, worker, run.seed)
            figures |= _figures(share, waited, before, _sums(worker))
    return figures | {"p99_over_decode_s": figures["p99_over_decode_s_50"]}


def copies(on: Rig) -> list[Post]:
    """Return posts with edited copies of the rig's case, each a certain takedown."""
    scenes = [scene for scene in SCENES if scene.case == CLOVER.name and scene.expected == "act" and scene.edit]
    folder = on.folder / "media"
    return [made.post for made in build_posts(folder.as_uri(), folder, scenes=scenes[:_CLIPS])]


def drained(on: Rig, posts: Collection[Post], workers: Collection[Worker]) -> float:
    """Return posts a second from writing all at once to the last one's takedown."""
    began_s = time.perf_counter()
    on.feed(posts)
    on.wait("takedowns", [post.post_id for post in posts], workers)
    return len(posts) / (time.perf_counter() - began_s)


def _latencies(on: Rig, posts: list[Post], per_s: float, worker: Worker, seed: int) -> list[float]:
    """Return the seconds from each post's writing to its takedown."""
    gaps_s = np.random.default_rng(seed).exponential(1 / per_s, len(posts))
    due_s = time.monotonic()
    for post, gap_s in zip(posts, gaps_s, strict=True):
        due_s += gap_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        on.feed([post])
    found = on.wait("takedowns", [post.post_id for post in posts], [worker])
    assert all(isinstance(one, Takedown) for one in found.values())
    return [(one.at - one.post.seen_at).total_seconds() for one in found.values() if isinstance(one, Takedown)]


def _figures(share: int, waited: list[float], before: dict[str, Sums], after: dict[str, Sums]) -> Figures:
    p50, p99 = np.percentile(waited, (50, 99)).tolist()
    figures: Figures = {f"p50_s_{share}": round(p50, 3), f"p99_s_{share}": round(p99, 3)}
    for metric, suffix in _MEASURED.items():
        for stage, (total, n) in after[metric].items():
            total_before, n_before = before[metric].get(stage, (0.0, 0.0))
            if n > n_before:
                figures[f"{stage}{suffix}_s_{share}"] = round((total - total_before) / (n - n_before), 3)
    return figures | {f"p99_over_decode_s_{share}": round(p99 - float(figures[f"decode_s_{share}"]), 3)}


def _sums(worker: Worker) -> dict[str, Sums]:
    """Return the sums and numbers of the metrics measured, by metric and stage."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in _MEASURED}
    for family in text_string_to_metric_families(httpx.get(worker.metrics_url, timeout=30).text):
        for sample in family.samples:
            if family.name in found and sample.name.endswith(("_sum", "_count")):
                kind = sample.name.rpartition("_")[2]
                found[family.name].setdefault(sample.labels["stage"], {})[kind] = sample.value
    return {name: {stage: (one["sum"], one["count"]) for stage, one in by.items()} for name, by in found.items()}
