"""Print what the same file costs in many posts, with reuse and without: ``python -m ops.bench.reposts [--posts N]``.

One worker of all stages before delivery, on a Kafka of its own, has posts without media, then posts of one clip with
JIKIMI_REUSE_HOURS=0, then as many with its default. CPU seconds are of the worker and its decoders, from the first post
until all scores of all posts are there; one post of another clip before each round warms the models up.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import typer

from ops.bench.suite.rig import ALL_STAGES, Rig, rig, several
from schemas.messages import Medium, Post, Scores
from streams.demo.processes import Worker
from streams.demo.scenario import MEDIA
from streams.evaluation.cpu import cpu_s_of
from streams.settings import Settings

_CLIP, _OTHER = "hunter.mp4", "meadow.mp4"
_STALL_S = 600.0


class Round(NamedTuple):
    """Cost of one round."""

    cpu_s: float
    wall_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=50)
    n = parser.parse_args().posts
    with tempfile.TemporaryDirectory(prefix="jikimi-bench-") as folder, rig(Path(folder), MEDIA) as system:
        words = _round(system, n, "words", 0.0, [])
        without = _round(system, n, "without", 0.0, [_CLIP])
        reused = _round(system, n, "reused", Settings.model_fields["reuse_hours"].default, [_CLIP])
    for name, cost in (("no media", words), ("without", without), ("with", reused)):
        per_post_s = cost.cpu_s / n
        typer.echo(f"{name:9}{n} posts: {cost.cpu_s:.1f} CPU s ({per_post_s:.3f} a post), {cost.wall_s:.1f} s")
    media_s, reused_s = without.cpu_s - words.cpu_s, reused.cpu_s - words.cpu_s
    typer.echo(f"ratio    {without.cpu_s / reused.cpu_s:.1f}; of what media add {media_s / reused_s:.1f}")


def _round(system: Rig, n: int, name: str, hours: float, clips: Sequence[str]) -> Round:
    folder = system.folder / name
    folder.mkdir()
    with Worker(ALL_STAGES, folder, {**system.environment, "JIKIMI_REUSE_HOURS": str(hours)}) as worker:
        worker.wait_until_ready()
        _feed(system, several([_post([_OTHER])], 1, f"{name}-first"), worker)
        began_s, used_s = time.monotonic(), cpu_s_of(worker.pid)
        _feed(system, several([_post(clips)], n, name), worker)
        return Round(cpu_s_of(worker.pid) - used_s, time.monotonic() - began_s)


def _post(clips: Sequence[str]) -> Post:
    now = datetime.now(UTC)
    media = [Medium(url=(MEDIA / clip).as_uri()) for clip in clips]
    return Post(post_id="", platform="made", url="", published_at=now, seen_at=now, media=media)


def _feed(system: Rig, posts: Sequence[Post], worker: Worker) -> None:
    """Write posts and return once all their scores are there."""
    system.feed(posts)
    until_s = time.monotonic() + _STALL_S
    while not _complete(system.broker.messages("scores"), {post.post_id for post in posts}):
        if time.monotonic() > until_s:
            raise TimeoutError("not all scores came within ten minutes")
        worker.check()
        time.sleep(0.5)


def _complete(scores: Sequence[Scores], wanted: set[str]) -> bool:
    found: Counter[str] = Counter()
    expected: dict[str, int] = {}
    for one in scores:
        parts, post_id = one.segment.parts, one.segment.post.post_id
        found[post_id] += not one.look
        if not parts.pending:
            expected[post_id] = parts.visual + parts.audio + parts.text + parts.voice
    return all(post_id in expected and found[post_id] >= expected[post_id] for post_id in wanted)


if __name__ == "__main__":
    main()
