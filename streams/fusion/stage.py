"""scores, cases -> verdicts: join a post's scores from picture, sound and text into one probability per case."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple, Self
from weakref import WeakValueDictionary

from models.fusion.model import FusionModel
from models.registry import Registry
from schemas.messages import Choice, Policy, Scores, Verdict
from streams.engine.context import Context
from streams.engine.durable_table import DurableTable
from streams.engine.record import Output, Record
from streams.fusion.join_window import JoinWindow, Store
from streams.fusion.post_state import PostState, Rules
from streams.telemetry import metrics, trace

_TICK_S = 0.25


def create(context: Context) -> None:
    """Attach the stage's agent, its table and its timers to the context's app."""
    state_topic = context.topic("fusion-state")
    table = DurableTable.create(context.app, "fusion", state_topic, lambda key: context.partition("scores", key))
    fusion = Fusion(context, table)
    table.on_recover(fusion.restore_timers)
    context.background(fusion.watch_deadlines)

    @context.stage("fusion", reads="scores")
    async def fuse_scores(message: Scores, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        post_id = message.segment.post.post_id
        async with fusion.lock(post_id):
            state, verdicts = await fusion.window.add(message, time.time())
            # Verdicts before state: after a crash between the two a verdict is repeated under its id, and none is lost.
            for verdict in verdicts:
                yield Output("verdicts", post_id, verdict)
            await fusion.save(state, verdicts)


class _LiveFusion(NamedTuple):
    """The live fusion model, and the live policy, if one replaces the policy of every case."""

    model: FusionModel
    policy: Policy | None

    @classmethod
    def of(cls, models: Registry, choice: Choice) -> Self:
        return cls(models.fusion(choice.fusion), choice.policy)


class Fusion:
    """The join window of a live worker: durable state, wall clock, partitions that come and go."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._live = context.live_models.use("fusion", partial(_LiveFusion.of, context.models))
        settings = context.settings
        self.window = JoinWindow(store, self.rules, settings.fusion_deadline_s, settings.fusion_memory_s)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def rules(self, case_ids: set[str]) -> Rules:
        """Return the fusion model, and the policies of those of these cases that are open."""
        await self._context.cases.start()
        live = await self._live.current()
        found = {case_id: await self._context.cases.fresh_policy(case_id) for case_id in case_ids}
        return Rules(live.model, {case_id: live.policy or own for case_id, own in found.items() if own is not None})

    def lock(self, post_id: str) -> asyncio.Lock:
        """Return the lock of a post: its scores and its deadline change its state one after the other."""
        return self._locks.setdefault(post_id, asyncio.Lock())

    async def save(self, state: PostState, verdicts: list[Verdict]) -> None:
        """Store a state and return once the broker has it; count its verdicts."""
        state.trace = trace.current_headers() or state.trace
        await self.window.save(state, verdicts, time.time())
        for verdict in verdicts:
            _count(verdict)

    async def watch_deadlines(self) -> None:
        """Close posts at their deadline and evict their state after the retention, until cancelled."""
        await self._context.cases.start()
        while True:
            await asyncio.sleep(_TICK_S)
            await self.expire_due()

    async def expire_due(self) -> None:
        """Handle the timers that have expired, as long as no rebalance moves their partitions."""
        expired = self.window.timers.expired(time.time())
        while not self._context.app.rebalancing and (post_id := next(expired, None)) is not None:
            await self._expire(post_id)

    async def _expire(self, post_id: str) -> None:
        """Close or evict a post, unless its deadline has moved or its partition was revoked."""
        async with self.lock(post_id):
            state = self.window.state(post_id)
            if state is None or not self._owns(post_id) or state.deadline_s > time.time():
                return
            if state.closed:
                await self.window.evict(post_id)
            else:
                await self._close(state)

    async def restore_timers(self) -> None:
        """Set the timers from the table; called after each recovery."""
        self.window.restore_timers()

    async def _close(self, state: PostState) -> None:
        with trace.span("deadline", "scores", state.trace):
            verdicts = await self.window.close(state, time.time())
            for verdict in verdicts:
                await self._context.send("verdicts", state.post.post_id, verdict)
            await self.save(state, verdicts)

    def _owns(self, post_id: str) -> bool:
        return self._context.partition("scores", post_id.encode()) in self._context.owned("scores")


def _count(verdict: Verdict) -> None:
    metrics.VERDICTS.labels(verdict.decision, verdict.reason).inc()
    if verdict.case_id is not None:
        metrics.PROBABILITY.labels(verdict.decision).observe(verdict.probability)
    if verdict.reason != "late":
        metrics.observe_end_to_end(verdict.post, "verdict", verdict.decided_at)
