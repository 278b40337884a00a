"""scores, cases -> verdicts: join what picture, sound and text say of a post into one probability per case."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple, Self
from weakref import WeakValueDictionary

import msgspec

from models.fusion.model import FusionModel
from models.registry import Registry
from schemas.messages import Choice, Policy, Scores, Verdict
from streams.engine.app import Context
from streams.engine.durable_table import DurableTable
from streams.engine.record import Output, Record
from streams.fusion.post_state import PostState, Rules
from streams.telemetry import metrics, trace

_TICK_S = 0.25


def create(context: Context) -> None:
    """Attach the stage's agent, its table and its clock to the context's app."""
    fusion = Fusion(context)
    context.background(fusion.watch_deadlines)

    @context.stage("fusion", reads="scores")
    async def fuse_scores(message: Scores, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        post_id = message.segment.post.post_id
        async with fusion.lock(post_id):
            hearing = fusion.hearing(post_id) or fusion.open(message)
            rules = await fusion.rules({found.case_id for found in message.matches} | hearing.evidence.keys())
            verdicts = hearing.hear(message, rules, time.time())
            # Verdicts first, then the memory of them: a crash between repeats a verdict under its id and loses none.
            for verdict in verdicts:
                yield Output("verdicts", post_id, verdict)
            await fusion.remember(post_id, hearing, verdicts)


class _Judge(NamedTuple):
    """What is live of fusion."""

    model: FusionModel
    policy: Policy | None
    """Instead of every case's own."""

    @classmethod
    def of(cls, models: Registry, choice: Choice) -> Self:
        return cls(models.fusion(choice.fusion), choice.policy)


class Fusion:
    """The posts being heard: a table with a changelog, and a clock for those that wait too long."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._judge = context.choice.use("fusion", partial(_Judge.of, context.models))
        state = context.topic("fusion-state")
        self._table = DurableTable.create(context.app, "fusion", state, lambda key: context.partition("scores", key))
        self._table.on_recover(self._rebuild_clock)
        self._clock: list[tuple[float, str]] = []
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def rules(self, case_ids: set[str]) -> Rules:
        """Return by what these cases are judged; those that are not open have no policy there."""
        await self._context.cases.start()
        judge = await self._judge.current()
        found = {case_id: await self._context.cases.fresh_policy(case_id) for case_id in case_ids}
        policies = {case_id: judge.policy or policy for case_id, policy in found.items() if policy is not None}
        return Rules(judge.model, policies)

    def lock(self, post_id: str) -> asyncio.Lock:
        """Return the lock of a post; scores of one post are heard one after the other, in the order they came."""
        return self._locks.setdefault(post_id, asyncio.Lock())

    def hearing(self, post_id: str) -> PostState | None:
        """Return what was heard of a post so far."""
        kept = self._table.get(post_id.encode())
        return msgspec.msgpack.decode(kept, type=PostState) if kept is not None else None

    def open(self, scores: Scores) -> PostState:
        """Return a hearing of which nothing is heard yet."""
        deadline_s = time.time() + self._settings.fusion_deadline_s
        self._wake(deadline_s, scores.segment.post.post_id)
        return PostState(post=scores.segment.post, parts=scores.segment.parts, deadline_s=deadline_s)

    async def remember(self, post_id: str, hearing: PostState, verdicts: list[Verdict]) -> None:
        """Write down what was heard and decided, and return once the broker has it."""
        hearing.decide(verdicts)
        if hearing.closed:
            hearing.deadline_s = time.time() + self._settings.fusion_memory_s
        hearing.trace = trace.current_headers() or hearing.trace
        await self._table.put(post_id.encode(), msgspec.msgpack.encode(hearing))
        for verdict in verdicts:
            _count(verdict)

    async def watch_deadlines(self) -> None:
        """Close what has waited long enough and forget what was closed long ago, until cancelled."""
        await self._context.cases.start()
        while True:
            await asyncio.sleep(_TICK_S)
            while self._clock and self._clock[0][0] <= time.time() and not self._context.app.rebalancing:
                _, post_id = heapq.heappop(self._clock)
                await self._expire(post_id)

    async def _expire(self, post_id: str) -> None:
        async with self.lock(post_id):
            hearing = self.hearing(post_id)
            if hearing is None or not self._owns(post_id):
                return
            if hearing.deadline_s <= time.time():
                await (self._forget if hearing.closed else self._close)(post_id, hearing)
            # Its one entry in the clock goes with it; moved deadlines are seen here.
            if self.hearing(post_id) is not None:
                self._wake(hearing.deadline_s, post_id)

    async def _forget(self, post_id: str, _: PostState) -> None:
        await self._table.forget(post_id.encode())

    async def _close(self, post_id: str, hearing: PostState) -> None:
        with trace.span("deadline", "scores", hearing.trace):
            verdicts = hearing.close(await self.rules(set(hearing.evidence)), time.time())
            for verdict in verdicts:
                await self._context.send("verdicts", post_id, verdict)
            await self.remember(post_id, hearing, verdicts)

    def _wake(self, deadline_s: float, post_id: str) -> None:
        heapq.heappush(self._clock, (deadline_s, post_id))

    def _owns(self, post_id: str) -> bool:
        return self._context.partition("scores", post_id.encode()) in self._context.owned("scores")

    async def _rebuild_clock(self) -> None:
        """Set the clock anew from the table; called after each recovery."""
        post_states = (msgspec.msgpack.decode(kept, type=PostState) for kept in self._table.values())
        self._clock = [(hearing.deadline_s, hearing.post.post_id) for hearing in post_states]
        heapq.heapify(self._clock)


def _count(verdict: Verdict) -> None:
    metrics.VERDICTS.labels(verdict.decision, verdict.reason).inc()
    if verdict.case_id is not None:
        metrics.PROBABILITY.labels(verdict.decision).observe(verdict.probability)
    if verdict.reason != "late":
        metrics.observe_end_to_end(verdict.post, "verdict", verdict.decided_at)
