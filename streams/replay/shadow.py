"""A candidate beside what is live: the same posts, no takedowns, and a count of where the two differ."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from schemas.codec import WireError
from schemas.messages import Decision, Run, Verdict
from streams.cases.policy import RANK
from streams.kafka.codec_factory import create_codec
from streams.kafka.wait_for_broker import wait_for_broker
from streams.replay.engine import Engine
from streams.replay.launch import launch
from streams.replay.merged_reader import MergedReader
from streams.replay.plan import Asked
from streams.replay.progress import shown
from streams.replay.span import Look
from streams.settings import Settings
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
from streams.topology import readers_group

_GRACE = 2.0
"""In fusion's deadlines: how much later one of the two may decide on a post than the other first spoke of it."""
_MOST_POSTS = 100_000
"""Remembered at once; the oldest is counted early when there are more."""
_TAKE, _TAKE_S = 500, 0.5

type Decisions = dict[str, Decision]
"""Highest so far, by case."""


@dataclass(slots=True)
class _Seen:
    """What both said of one post."""

    until_s: float
    by_shadow: Decisions = field(default_factory=dict)
    by_live: Decisions = field(default_factory=dict)
    heard: bool = False
    """Whether the shadow heard of it: what was under way when it started concerns only the live one."""
    live_spoke: bool = False


class Comparison:
    """Counts, for each post and case, whether a shadow decides as the live system does.

    Parameters
    ----------
    grace_s
        From the first word of a post to when it is counted, seconds.
    """

    def __init__(
        self, grace_s: float, most_posts: int = _MOST_POSTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._grace_s = grace_s
        self._most_posts = most_posts
        self._posts: OrderedDict[str, _Seen] = OrderedDict()

    def shadow(self, post_id: str, verdict: Verdict | None) -> None:
        """Note that the shadow heard of a post, or what it decided."""
        seen = self._seen(post_id)
        seen.heard = True
        if verdict is not None:
            _raise(seen.by_shadow, verdict)

    def live(self, verdict: Verdict) -> None:
        """Note what the live system decided."""
        seen = self._seen(verdict.post.post_id)
        seen.live_spoke = True
        _raise(seen.by_live, verdict)

    def count(self) -> None:
        """Count the posts whose time is over."""
        now_s = self._clock()
        while self._posts and (
            len(self._posts) > self._most_posts or next(iter(self._posts.values())).until_s <= now_s
        ):
            _, seen = self._posts.popitem(last=False)
            for outcome in _outcomes(seen):
                metrics.SHADOW_VERDICTS.labels(outcome).inc()

    def _seen(self, post_id: str) -> _Seen:
        if post_id not in self._posts:
            self._posts[post_id] = _Seen(self._clock() + self._grace_s)
        return self._posts[post_id]


def _raise(decisions: Decisions, verdict: Verdict) -> None:
    if verdict.case_id is not None and RANK[verdict.decision] >= RANK[decisions.get(verdict.case_id, "dismiss")]:
        decisions[verdict.case_id] = verdict.decision


def _outcomes(seen: _Seen) -> list[str]:
    """Return one outcome per case that either names; a post of which neither names one is the same to both."""
    if not seen.heard:
        return []
    if not seen.live_spoke:
        return ["alone"] * max(1, len(seen.by_shadow))
    cases = seen.by_shadow.keys() | seen.by_live.keys()
    ranks = [(_rank(seen.by_shadow, case), _rank(seen.by_live, case)) for case in sorted(cases)]
    found = ["same" if mine == theirs else "gained" if mine > theirs else "lost" for mine, theirs in ranks]
    return found or ["same"]


def _rank(decisions: Decisions, case_id: str) -> int:
    return RANK[decisions.get(case_id, "dismiss")]


async def run_shadow(settings: Settings, asked: Asked, console: Console) -> None:
    """Follow live traffic until told to stop; raises as `launch` does."""
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    await asyncio.to_thread(wait_for_broker, settings)
    comparison = Comparison(_GRACE * settings.fusion_deadline_s)
    engines: list[Engine] = []
    async with shown(console, engines):
        watching = asyncio.create_task(_watch_live(settings, comparison))
        running = asyncio.create_task(launch(settings, asked, engines.append, comparison.shadow))
        try:
            await asyncio.wait({watching, running}, return_when=asyncio.FIRST_COMPLETED)
            await (running if running.done() else watching)  # which only ends by an error
        finally:
            for task in (watching, running):
                task.cancel()
            await asyncio.gather(watching, running, return_exceptions=True)
    console.print(_told(running.result()), highlight=False, soft_wrap=True)


def _told(run: Run) -> str:
    return (
        f"{run.run_id} is stopped: `jikimi shadow run {run.run_id}` goes on with it\n"
        f"compare it with what was live: jikimi replay compare {run.run_id}"
    )


async def _watch_live(settings: Settings, comparison: Comparison) -> None:
    """Follow the live verdicts from now on."""
    codec = create_codec(settings)
    ends = await asyncio.to_thread(Look(settings).ends, ("verdicts",))
    reader = MergedReader(settings, readers_group(settings), ends, None)
    try:
        while True:
            for record in await asyncio.to_thread(reader.take, _TAKE, _TAKE_S):
                try:
                    verdict = codec.decode("verdicts", record.value or b"")
                except WireError:
                    continue  # takedown makes it a dead letter
                assert isinstance(verdict, Verdict)
                comparison.live(verdict)
            comparison.count()
    finally:
        reader.close()
