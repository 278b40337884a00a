"""scores, cases -> looks, verdicts: join a post's scores from picture, sound and text into a probability per case."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from itertools import batched
from typing import NamedTuple, Protocol, Self
from weakref import WeakValueDictionary

import msgspec

from models.fusion.model import FusionModel
from models.registry import Registry
from schemas.messages import Choice, Look, Policy, Scores, Verdict
from streams.engine.context import Context
from streams.engine.durable_table import DurableTable
from streams.engine.record import Output, Record
from streams.fusion.join_window import JoinWindow, Store, deadline_of
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.telemetry import metrics, trace

_TICK_S = 0.25
_AT_ONCE = 64
"""Posts that are closed or evicted together: their states are written in one transaction."""


def create(context: Context) -> None:
    """Attach the stage's agent, its table and its deadlines to the context's app."""
    fusion = Fusion(context, DurableTable(context, "fusion-state", deadline_of))
    context.background(fusion.watch_deadlines)

    @context.stage("fusion", reads="scores")
    async def fuse_scores(message: Scores, record: Record) -> AsyncIterator[Output]:
        post_id = message.segment.post.post_id
        window = await fusion.window(record.partition)
        async with fusion.lock(post_id):
            state, verdicts, looks = await window.add(message, time.time())
            # Verdicts and looks before state: after a crash between them each is repeated under its id, none is lost.
            for verdict in verdicts:
                yield Output("verdicts", post_id, verdict)
            for look in looks:
                yield Output("looks", post_id, look)
            await fusion.save(window, state, verdicts, looks)
            _count_answer(message, state)


class _LiveFusion(NamedTuple):
    """The live fusion model, and the live policy, if one replaces the policy of every case."""

    model: FusionModel
    policy: Policy | None

    @classmethod
    def of(cls, models: Registry, choice: Choice) -> Self:
        return cls(models.fusion(choice.fusion), choice.policy)

    def of_case(self, own: Policy) -> Policy:
        """Return the policy in force for a case; that of a hash list always leads to reviews only."""
        return own if self.policy is None else msgspec.structs.replace(self.policy, review_only=own.review_only)


class Table(Protocol):
    """States of posts by partition."""

    async def acquire(self, partition: int) -> Store:
        """Return the states of an assigned partition; another object each time that it is acquired again."""

    def release(self, owned: Collection[int]) -> None:
        """Drop the states of all partitions but these."""


class Fusion:
    """The join windows of a live worker, one a partition: durable state, wall clock."""

    def __init__(self, context: Context, table: Table) -> None:
        self._context = context
        self._live = context.live_models.use("fusion", partial(_LiveFusion.of, context.models))
        self._table = table
        self._windows: dict[int, JoinWindow] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def rules(self, case_ids: set[str]) -> Rules:
        """Return the fusion model, and the policies of those of these cases that are open."""
        await self._context.cases.start()
        live = await self._live.current()
        found = {case_id: await self._context.cases.fresh_policy(case_id) for case_id in case_ids}
        policies = {case_id: live.of_case(own) for case_id, own in found.items() if own is not None}
        return Rules(live.model, policies, self._context.settings.looks_from)

    async def window(self, partition: int) -> JoinWindow:
        """Return the join window of an assigned partition, a new one after each rebalance."""
        store = await self._table.acquire(partition)
        window = self._windows.get(partition)
        if window is None or window.store is not store:
            settings = self._context.settings
            window = JoinWindow(store, self.rules, settings.fusion_deadline_s, settings.fusion_memory_s)
            self._windows[partition] = window
        return window

    def lock(self, post_id: str) -> asyncio.Lock:
        """Return the lock of a post: its scores and its deadline change its state one after the other."""
        return self._locks.setdefault(post_id, asyncio.Lock())

    async def save(
        self, window: JoinWindow, state: PostState, verdicts: list[Verdict], looks: Sequence[Look] = ()
    ) -> None:
        """Store a state and return once the broker has it; count its verdicts and looks."""
        state.trace = trace.current_headers() or state.trace
        await window.save(state, verdicts, time.time())
        for verdict in verdicts:
            _count(verdict)
        for look in looks:
            metrics.LOOKS_ASKED.labels(look.reason).inc()

    async def watch_deadlines(self) -> None:
        """Close posts at their deadline and evict their state after the retention, until cancelled."""
        await self._context.cases.start()
        while True:
            await asyncio.sleep(_TICK_S)
            await self.expire_due()

    async def expire_due(self) -> None:
        """Handle the deadlines that have come, as long as no rebalance moves their partitions."""
        for partition in sorted(self._settled()):
            window = await self.window(partition)
            for post_ids in batched(window.expired(time.time()), _AT_ONCE):
                if self._context.app.rebalancing:
                    return
                await self._expire_all(partition, window, post_ids)

    async def _expire_all(self, partition: int, window: JoinWindow, post_ids: Collection[str]) -> None:
        """Close or evict posts at once, and raise the first error when all have ended."""
        steps = (partial(self._expire, partition, window, post_id) for post_id in post_ids)
        work = (self._context.retry_while_unreachable(step) for step in steps)
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _settled(self) -> set[int]:
        """Return the assigned partitions, none during a rebalance; drop the states of all others."""
        if self._context.app.rebalancing:
            return set()
        owned = self._context.owned("scores")
        self._table.release(owned)
        for partition in self._windows.keys() - owned:
            del self._windows[partition]
        return owned

    async def _expire(self, partition: int, window: JoinWindow, post_id: str) -> None:
        """Close or evict a post, unless its deadline has moved or its partition was revoked."""
        async with self.lock(post_id):
            state = window.state(post_id)
            if state is None or self._windows.get(partition) is not window or state.deadline_s > time.time():
                return
            if state.is_settled:
                await window.evict(post_id)
            else:
                await self._close(window, state)

    async def _close(self, window: JoinWindow, state: PostState) -> None:
        with trace.span("deadline", "scores", state.trace):
            given_up = len(state.looks.missing)
            verdicts = await window.close(state, time.time())
            for verdict in verdicts:
                await self._context.send("verdicts", state.post.post_id, verdict)
            await self.save(window, state, verdicts)
            metrics.LOOKS_ANSWERED.labels("deadline").inc(len(state.looks.missing) - given_up)


def _count_answer(scores: Scores, state: PostState) -> None:
    if scores.look:
        metrics.LOOKS_ANSWERED.labels(scores.gone or "seen").inc()
        for look in state.looks.asked:
            if look.number == scores.look:
                metrics.LOOK_SECONDS.observe(max(0.0, time.time() - look.asked_at.timestamp()))


def _count(verdict: Verdict) -> None:
    metrics.VERDICTS.labels(verdict.decision, verdict.reason).inc()
    if verdict.case_id is not None:
        metrics.PROBABILITY.labels(verdict.decision).observe(verdict.probability)
    if verdict.reason != "late":
        metrics.observe_end_to_end(verdict.post, "verdict", verdict.decided_at)
