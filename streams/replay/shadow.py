"""Shadow: a candidate on live traffic, without takedowns, and a count of its differences from the live verdicts."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from schemas.codec import WireError
from schemas.messages import Decision, Verdict
from streams.cases.policy import RANK
from streams.kafka.clients import create_codec
from streams.kafka.wait_for_broker import wait_for_broker
from streams.replay.engine import Engine
from streams.replay.launch import launch
from streams.replay.merged_reader import MergedReader
from streams.replay.plan import RunRequest
from streams.replay.progress import progress_display
from streams.replay.span import OffsetQuery
from streams.settings import Settings
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
from streams.topology import readers_group

_GRACE = 3.0
"""Grace period in fusion's deadlines: from the first event of a post, on either side, to its count."""
_MAX_POSTS = 100_000
"""Posts kept at once; above this the oldest is counted early."""
_READ_LIMIT, _READ_S = 500, 0.5

type Decisions = dict[str, Decision]
"""Highest decision so far, by case."""


@dataclass(slots=True)
class _Post:
    """Decisions of both sides on one post."""

    count_at_s: float
    by_shadow: Decisions = field(default_factory=dict)
    by_live: Decisions = field(default_factory=dict)
    reached_shadow: bool = False
    """False for a post in flight when the shadow started, which is not counted."""
    reached_live: bool = False
    """Whether there is a live verdict."""


class Comparison:
    """Counter of equal and different decisions of a shadow and the live system, by post and case.

    Parameters
    ----------
    grace_s
        Seconds from the first event of a post to its count.
    max_posts
        Posts kept at once; above this the oldest is counted early.
    """

    def __init__(
        self, grace_s: float, max_posts: int = _MAX_POSTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._grace_s = grace_s
        self._max_posts = max_posts
        self._posts: OrderedDict[str, _Post] = OrderedDict()

    def shadow(self, post_id: str, verdict: Verdict | None) -> None:
        """Record that a post has reached the shadow, or a verdict of the shadow."""
        post = self._post(post_id)
        post.reached_shadow = True
        if verdict is not None:
            _raise(post.by_shadow, verdict)

    def live(self, verdict: Verdict) -> None:
        """Record a live verdict."""
        post = self._post(verdict.post.post_id)
        post.reached_live = True
        _raise(post.by_live, verdict)

    def count(self) -> None:
        """Count the posts whose grace period is over."""
        now_s = self._clock()
        while self._posts and (
            len(self._posts) > self._max_posts or next(iter(self._posts.values())).count_at_s <= now_s
        ):
            _, post = self._posts.popitem(last=False)
            for outcome in _outcomes(post):
                metrics.SHADOW_VERDICTS.labels(outcome).inc()

    def _post(self, post_id: str) -> _Post:
        if post_id not in self._posts:
            self._posts[post_id] = _Post(self._clock() + self._grace_s)
        return self._posts[post_id]


def _raise(decisions: Decisions, verdict: Verdict) -> None:
    if verdict.case_id is not None and RANK[verdict.decision] >= _rank(decisions, verdict.case_id):
        decisions[verdict.case_id] = verdict.decision


def _outcomes(post: _Post) -> list[str]:
    """Return one outcome per case of either side; a post without a case on both sides counts as the same."""
    if not post.reached_shadow:
        return []
    if not post.reached_live:
        return ["alone"] * max(1, len(post.by_shadow))
    cases = post.by_shadow.keys() | post.by_live.keys()
    ranks = [(_rank(post.by_shadow, case), _rank(post.by_live, case)) for case in sorted(cases)]
    outcomes = ["same" if shadow == live else "gained" if shadow > live else "lost" for shadow, live in ranks]
    return outcomes or ["same"]


def _rank(decisions: Decisions, case_id: str) -> int:
    return RANK[decisions.get(case_id, "dismiss")]


async def run_shadow(settings: Settings, request: RunRequest, console: Console) -> None:
    """Follow live traffic until SIGINT or SIGTERM; raises as `launch` does."""
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    await asyncio.to_thread(wait_for_broker, settings)
    comparison = Comparison(_GRACE * settings.fusion_deadline_s)
    engines: list[Engine] = []
    async with progress_display(console, engines):
        following = asyncio.create_task(_follow_live(settings, comparison))
        running = asyncio.create_task(launch(settings, request, engines.append, comparison.shadow))
        try:
            await asyncio.wait({following, running}, return_when=asyncio.FIRST_COMPLETED)
            # Only an error ends the task that follows the live verdicts.
            await (running if running.done() else following)
        finally:
            for task in (following, running):
                task.cancel()
            await asyncio.gather(following, running, return_exceptions=True)
    run_id = running.result().run_id
    console.print(
        f"{run_id} is stopped: `jikimi shadow run {run_id}` continues it\n"
        f"compare it with the live verdicts: jikimi replay compare {run_id}",
        highlight=False,
        soft_wrap=True,
    )


async def _follow_live(settings: Settings, comparison: Comparison) -> None:
    """Follow the live verdicts from now on, and count the posts whose grace period is over."""
    codec = create_codec(settings)
    ends = await asyncio.to_thread(OffsetQuery(settings).ends, ("verdicts",))
    reader = MergedReader(settings, readers_group(settings), ends, None)
    try:
        while True:
            for record in await asyncio.to_thread(reader.read, _READ_LIMIT, _READ_S):
                try:
                    verdict = codec.decode("verdicts", record.value or b"")
                except WireError:
                    continue  # stage takedown makes it a dead letter
                assert isinstance(verdict, Verdict)
                comparison.live(verdict)
            comparison.count()
    finally:
        reader.close()
