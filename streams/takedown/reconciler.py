"""Reconciliation of takedowns after their case was closed or confirmed, or one of its references reviewed.

The work follows the changes: a closed case or a review finds its takedowns by the log's index, and a new event is
compared with the cases and reviews once, because they may have changed while it was written. Only partitions that are
newly assigned are checked as a whole, since nobody may have done so for their last changes.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import structlog

from schemas.messages import StandingKind, State, Takedown
from streams.engine.context import Context
from streams.errors import UnprocessableError
from streams.takedown.index import case_key, reference_key, waiting_key
from streams.takedown.life import GONE, OPEN, step
from streams.takedown.log import TakedownLog
from streams.takedown.quarantine import Quarantine
from streams.telemetry import metrics

log = structlog.get_logger()

_ASSIGNMENT_POLL_S = 1.0
_NOT_WITHDRAWN: frozenset[State] = OPEN | GONE
_HELD: frozenset[State] = frozenset({"held"})

type _Cause = tuple[int, frozenset[State]]
"""Key of the log's index, and states that its change may end."""


class Reconciler:
    """Withdrawal of takedowns without a basis, and issue of held ones that are now allowed."""

    def __init__(self, context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
        self._context = context
        self._log = takedown_log
        self._quarantine = quarantine
        self._changed = asyncio.Event()
        self._following = False
        self._causes: dict[_Cause, None] = {}
        self._stale: dict[str, None] = {}  # takedown ids
        self._later: set[str] = set()
        self._checked: set[int] = set()  # partitions
        self._generation = 0
        context.cases.listen_keys(self._case_changed)
        quarantine.listen(self._review_changed)
        takedown_log.listen(self._event_applied)
        takedown_log.listen_thaws(self._check_one)

    async def run(self) -> None:
        """Reconcile takedowns after every change that concerns them, until cancelled."""
        await self._context.retry_while_unreachable(self._context.cases.start)
        await self._context.retry_while_unreachable(self._quarantine.current)
        await self._context.retry_while_unreachable(self._forget_closed)
        self._following = True  # a change before is covered by the check of the assigned partitions
        while True:
            await self._check_assigned()
            await self._follow_changes()
            await self._wait_until_due()

    async def _forget_closed(self) -> None:
        """Forget the quarantine of the cases that were closed before this start; the topic still has their events."""
        quarantined = self._quarantine.cases()
        await self._context.cases.current()  # a takedown may be of a case that is not read yet
        for case_id in quarantined:
            if self._context.cases.policy(case_id) is None:
                self._quarantine.forget(case_id)

    async def _check_assigned(self) -> None:
        """Check every takedown of the partitions that are new since the last call."""
        owned, generation = self._context.owned("verdicts"), self._context.generation()
        if generation not in {self._generation, self._generation + 1}:
            self._checked = set()  # a partition may have been another worker's in between
        added, self._checked, self._generation = owned - self._checked, owned, generation
        if added:
            await self._context.retry_while_unreachable(partial(self._check, added))

    async def _check(self, partitions: Collection[int]) -> None:
        open_cases = {case_key(case_id) for case_id in self._context.cases.case_ids()}
        for case in await self._log.cases(OPEN) - open_cases:
            await self._reconcile_all((case, OPEN), partitions)
        held = await self._log.cases(_HELD)
        for case_id, reference_id, kind in self._quarantine.reviews():
            if reference_id or case_key(case_id) in held:  # with four eyes nearly every case has a review
                await self._reconcile_all(_cause(case_id, reference_id, kind), partitions)

    async def _follow_changes(self) -> None:
        self._changed.clear()
        while self._causes or self._stale:
            while self._causes:
                cause = next(iter(self._causes))
                del self._causes[cause]
                await self._context.retry_while_unreachable(partial(self._reconcile_all, cause, self._checked))
            while self._stale:
                takedown_id = next(iter(self._stale))
                del self._stale[takedown_id]
                await self._context.retry_while_unreachable(partial(self._reconcile_one, takedown_id))

    async def _reconcile_all(self, cause: _Cause, partitions: Collection[int]) -> None:
        async for entry in self._log.entries(*cause):
            if self._context.partition_of_hash("verdicts", entry.post_hash) in partitions:
                await self._reconcile(entry.row)

    async def _reconcile_one(self, takedown_id: str) -> None:
        entry = self._log.entry(takedown_id)
        if entry and self._context.partition_of_hash("verdicts", entry.post_hash) in self._checked:
            await self._reconcile(entry.row)

    def _case_changed(self, case_id: str) -> None:
        if self._following and self._context.cases.policy(case_id) is None:
            self._quarantine.forget(case_id)
            self._due((case_key(case_id), OPEN))

    def _review_changed(self, case_id: str, reference_id: str, kind: StandingKind | None) -> None:
        if self._following:
            self._due(_cause(case_id, reference_id, kind))

    def _due(self, cause: _Cause) -> None:
        self._causes[cause] = None
        self._changed.set()

    def _event_applied(self, event: Takedown) -> None:
        """Compare a new event with the cases and reviews, which may have changed while it was written."""
        if self._following and (self._is_closed(event) or self._decided(event) is not None):
            self._check_one(event.takedown_id)

    def _check_one(self, takedown_id: str) -> None:
        self._later.discard(takedown_id)
        self._stale[takedown_id] = None
        self._changed.set()

    async def _wait_until_due(self) -> None:
        """Return after a change, or when partitions were assigned."""
        while not self._changed.is_set() and self._context.generation() == self._generation:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _ASSIGNMENT_POLL_S)
            if self._context.owned("verdicts") != self._checked:
                return

    def _is_closed(self, last: Takedown) -> bool:
        return last.state in OPEN and self._context.cases.policy(last.case_id) is None

    async def _next_state(self, last: Takedown) -> State | None:
        """Return the state that a takedown must take, None without a change."""
        if last.state in OPEN and await self._context.cases.fresh_policy(last.case_id) is None:
            self._quarantine.forget(last.case_id)  # a worker that had not read the close may have held it since
            return "withdrawn"
        return self._decided(last)

    def _decided(self, last: Takedown) -> State | None:
        decided = self._quarantine.decide(last.case_id, last, datetime.now(UTC)).state
        if decided == "withdrawn":
            # Also a post that the platform has removed already: the removal had a wrong reason.
            return "withdrawn" if last.state != "withdrawn" else None
        if last.state != "held" or decided != "issued":
            return None
        return "withdrawn" if self._log.has_pending(last.post, last.case_id) else "issued"

    async def _reconcile(self, row: int) -> None:
        try:
            last = await self._log.last(row)
            if last is not None and await self._next_state(last) is not None:
                await self._write_next(row)
            elif last is not None and last.state == "held":
                self._check_later(last)
        except UnprocessableError as error:
            log.warning("takedown not reconciled", reason=error.reason, detail=error.detail)

    async def _write_next(self, row: int) -> None:
        async with self._log.lock:
            await self._quarantine.current()
            last = await self._log.last(row)
            state = await self._next_state(last) if last is not None else None
            if last is None or state is None:
                return
            await self._context.send("takedowns", last.takedown_id, self._log.signed(step(last, state)))
            metrics.TAKEDOWNS.labels(state).inc()

    def _check_later(self, held: Takedown) -> None:
        """Check a held takedown again when the first rate limit on its references ends, if one of them has one."""
        wait_s = self._quarantine.limited_for_s(held.case_id, held, datetime.now(UTC))
        if wait_s is not None and held.takedown_id not in self._later:
            self._later.add(held.takedown_id)
            asyncio.get_running_loop().call_later(wait_s, self._check_one, held.takedown_id)


def _cause(case_id: str, reference_id: str, kind: StandingKind | None) -> _Cause:
    """Return what a review may change: a confirmed reference, or one no longer reviewed, ends no takedown.

    The review of a case, which has no reference, concerns only what was held for its second person.
    """
    if not reference_id:
        return waiting_key(case_id), _HELD
    return reference_key(case_id, reference_id), _NOT_WITHDRAWN if kind == "withdrawn" else _HELD
