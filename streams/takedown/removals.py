"""removals -> takedowns: close the takedowns whose post the platform has removed, in either order of arrival.

A worker keeps the recent removals of its partitions and reads every takedown, so one worker joins each pair. This state
is in memory only: after a restart, an earlier removal is not joined with a takedown issued later.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial

import structlog

from schemas.messages import Removal, RemovalKind, State, Takedown
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.takedown.index import RemovalTarget, removal_targets, target_key
from streams.takedown.life import GONE, OPEN, PENDING, pending, step
from streams.takedown.log import TakedownLog
from streams.telemetry import metrics

log = structlog.get_logger()

_MAX_RECENT = 100_000
"""Removals kept for the join: some hours of a very large platform."""
_ENDS: dict[RemovalKind, frozenset[State]] = {
    "post_deleted": OPEN,
    "account_gone": PENDING,
    "account_back": GONE,
}
"""States that a removal of each kind may end."""


def create(context: Context, takedown_log: TakedownLog) -> None:
    """Attach the agent, and the join of earlier removals, to the context's app."""
    removals = Removals(context, takedown_log)
    context.background(removals.run)

    @context.stage("takedown", reads="removals")
    async def close_takedowns(message: Removal, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        async with aclosing(removals.apply(message)) as outputs:  # the generator holds the log's lock
            async for output in outputs:
                yield output


class Removals:
    """Join of removals and takedowns.

    Parameters
    ----------
    max_recent
        Number of removals kept for later takedowns.
    """

    def __init__(self, context: Context, takedown_log: TakedownLog, max_recent: int = _MAX_RECENT) -> None:
        self._context = context
        self._log = takedown_log
        self._max_recent = max_recent
        self._recent: OrderedDict[RemovalTarget, Removal] = OrderedDict()
        # Without a limit of its own: at most two for each event of a takedown that was applied since it was last empty,
        # which are as many as takedowns in the index at the start. While the broker is away, no event is applied.
        self._joined: asyncio.Queue[tuple[str, Removal]] = asyncio.Queue()
        takedown_log.listen(self._join_recent)

    async def run(self) -> None:
        """Close takedowns issued after their removal, until cancelled."""
        while True:
            takedown_id, removal = await self._joined.get()
            try:
                await self._context.retry_while_unreachable(partial(self._close, takedown_id, removal))
            except UnprocessableError as error:
                log.warning("takedown not closed", takedown=takedown_id, reason=error.reason, detail=error.detail)

    async def _close(self, takedown_id: str, removal: Removal) -> None:
        entry = self._log.entry(takedown_id)
        assert entry is not None
        async with aclosing(self._apply_to(entry.row, removal)) as outputs:
            async for output in outputs:
                assert output.message is not None
                await self._context.send(output.topic, output.key, output.message)

    async def apply(self, removal: Removal) -> AsyncGenerator[Output]:
        """Yield the next events of the takedowns issued before a removal of their post.

        Raises
        ------
        UnprocessableError
            One of them is frozen; raised after the events of the others.
        """
        refused: UnprocessableError | None = None
        target = _target(removal)
        # First stored, then looked up: a takedown issued in between is joined by one of the two.
        self._store(target, removal)
        await self._log.start()
        async for takedown in self._log.entries(target_key(target), _ENDS[removal.kind]):
            try:
                async with aclosing(self._apply_to(takedown.row, removal)) as outputs:
                    async for output in outputs:
                        yield output
            except UnprocessableError as error:
                refused = error
        if refused is not None:
            raise refused

    async def _apply_to(self, row: int, removal: Removal) -> AsyncGenerator[Output]:
        """Yield the next event of one takedown, again if another worker wrote first and the removal still applies."""
        while True:
            async with self._log.lock:
                await self._log.current()
                last = await self._log.last(row)
                event = next_event(last, removal) if last is not None and _concerns(removal, last) else None
                if event is None:
                    return
                yield Output("takedowns", event.takedown_id, self._log.signed(event))
                metrics.TAKEDOWNS.labels(event.state).inc()

    def _store(self, target: RemovalTarget, removal: Removal) -> None:
        earlier = self._recent.get(target)
        if earlier is None or earlier.at <= removal.at:
            self._recent[target] = removal
            self._recent.move_to_end(target)
        if len(self._recent) > self._max_recent:
            self._recent.popitem(last=False)

    def _join_recent(self, event: Takedown) -> None:
        """Join a takedown that was just written with the recent removals."""
        for target in removal_targets(event.post):
            removal = self._recent.get(target)
            if removal is not None and next_event(event, removal) is not None:
                self._joined.put_nowait((event.takedown_id, removal))


def _target(removal: Removal) -> RemovalTarget:
    return RemovalTarget(removal.platform, removal.url, None if removal.url else removal.author)


def _concerns(removal: Removal, takedown: Takedown) -> bool:
    return _target(removal) in removal_targets(takedown.post)


def next_event(last: Takedown, removal: Removal) -> Takedown | None:
    """Return a takedown's next event after a removal, None without a change."""
    state = _state_after(last, removal)
    if state is None:
        return None
    return step(last, state, removal.removal_id, removal=removal)


def _state_after(last: Takedown, removal: Removal) -> State | None:
    """Return a takedown's state after a removal, None without a change.

    Only posts removed with an account reappear with it: a deleted post stays deleted, and a new post at the same url
    has a takedown of its own.
    """
    earlier = last.removal
    if earlier is not None and removal.at < earlier.at:
        return None  # out of order
    if removal.kind == "account_back":
        went_with_account = last.state in GONE and earlier is not None and earlier.kind == "account_gone"
        return "reappeared" if went_with_account else None
    # A held takedown requests nothing: its post may reappear with its account. A deleted post does not.
    is_open = pending(last.state) or (last.state == "held" and removal.kind == "post_deleted")
    # A url may be used again: a removal observed before this post was of another post.
    return "removed" if is_open and removal.seen_at >= last.post.seen_at else None
