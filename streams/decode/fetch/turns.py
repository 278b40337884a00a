"""Turns of fetches: who fetches next, so that slow hosts hold up nobody else's posts.

- The next turn is of the post that has wasted the least time: that of fetches that failed slowly or crept. A post whose
  links work has wasted none, and so waits behind no post that has.
- One host has at most half of the turns.
- After a while (`slow_fetch_s`) a fetch counts as slow. Slow ones have at most half of the turns: beyond that the one
  with the fewest bytes a second ends, to be tried again. So the other half changes hands at that pace or faster.
- A post that has wasted time waits for further turns for `fetch_timeout_s`, no longer.
- With its turn a fetch reserves its bytes on disk: the largest medium, until its size is known. A post that holds some
  never waits for more, but first decodes what it has: so no two posts wait for each other.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from streams.telemetry import metrics

_CREEPING_BYTES_PER_S = 64 * 1024
"""A slow fetch below this rate has wasted its time, even if it ends well."""


class NoRoomError(Exception):
    """The disk has no room beside the media that the post already holds: it must decode those first."""


@dataclass(eq=False, slots=True)
class Share:
    """One post's share of the turns and of the disk."""

    wasted_s: float = 0.0
    n_running: int = 0
    held_bytes: int = 0
    gives_up_at_s: float = float("inf")
    """When its waits end, seconds on the loop's clock."""


@dataclass(eq=False, slots=True)
class Turn:
    """One fetch, and after it its medium on disk."""

    host: str
    share: Share
    since_s: float
    reserved_bytes: int
    received_bytes: int = 0
    timer: asyncio.Timeout | None = None
    """Made to expire if the fetch is among the slowest."""
    is_running: bool = True
    was_ended: bool = False
    """True if it was slow when too many were."""
    slow_timer: asyncio.TimerHandle | None = None

    def rate(self, now_s: float) -> float:
        """Return the bytes a second up to now."""
        return self.received_bytes / max(now_s - self.since_s, 1e-9)


@dataclass(eq=False, slots=True)
class _Waiter:
    host: str
    share: Share
    number: int
    turn: asyncio.Future[Turn] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """The turns and the bytes on disk of one worker.

    Parameters
    ----------
    settings
        Numbers and times.
    """

    def __init__(self, settings: MediaSettings) -> None:
        self._n_free = settings.max_fetches
        self._half = max(1, settings.max_fetches // 2)
        self._slow_s, self._patience_s = settings.slow_fetch_s, settings.fetch_timeout_s
        self._medium_bytes, self._free_bytes = settings.max_bytes, settings.disk_bytes
        self._waiters: dict[int, _Waiter] = {}
        self._numbers = count()
        self._hosts: Counter[str] = Counter()
        self._slow: set[Turn] = set()

    @asynccontextmanager
    async def turn(self, host: str, share: Share) -> AsyncIterator[Turn]:
        """Wait for a turn, and keep its bytes reserved until exit; call `finish` when the medium is fetched.

        Raises
        ------
        NoRoomError
            The post must first decode the media that it holds.
        UnprocessableError
            link_slow: the post has waited long enough after its links had wasted time.
        """
        turn = await self._wait(_Waiter(host, share, next(self._numbers)))
        try:
            yield turn
        finally:
            self._end(turn, failed=True)
            self._resize(turn, 0)

    def declare(self, turn: Turn, n_bytes: int) -> None:
        """Reserve no more than the size that the host has declared, bytes."""
        self._resize(turn, min(n_bytes, turn.reserved_bytes))

    def finish(self, turn: Turn) -> None:
        """End a turn whose medium is fetched; its bytes stay reserved."""
        self._end(turn, failed=False)
        self._resize(turn, turn.received_bytes)

    async def _wait(self, waiter: _Waiter) -> Turn:
        if waiter.share.gives_up_at_s <= asyncio.get_running_loop().time():
            raise _no_turn(waiter.host)
        self._waiters[waiter.number] = waiter
        self._grant()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._end(waiter.turn.result(), failed=True)
                self._resize(waiter.turn.result(), 0)
            raise
        finally:
            self._waiters.pop(waiter.number, None)

    def _grant(self) -> None:
        """Give turns to waiters, as long as there are turns, waiters that may have one, and room on disk."""
        while self._n_free and (waiter := self._next()) is not None:
            if self._free_bytes < self._medium_bytes:
                self._send_to_decode()
                break
            self._start(waiter)
        metrics.FETCHES_WAITING.set(len(self._waiters))

    def _next(self) -> _Waiter | None:
        """Return the waiter that is next; running fetches of its post count as if they will turn out slow."""

        def rank(waiter: _Waiter) -> tuple[float, int]:
            return waiter.share.wasted_s + self._slow_s * waiter.share.n_running, waiter.number

        return min(
            (each for each in self._waiters.values() if self._hosts[each.host] < self._half), key=rank, default=None
        )

    def _send_to_decode(self) -> None:
        """End the waits of posts that hold media: who needs the disk may be waiting for just those."""
        for waiter in [each for each in self._waiters.values() if each.share.held_bytes]:
            del self._waiters[waiter.number]
            waiter.turn.set_exception(NoRoomError())

    def _start(self, waiter: _Waiter) -> None:
        loop = asyncio.get_running_loop()
        del self._waiters[waiter.number]
        turn = Turn(waiter.host, waiter.share, loop.time(), 0)
        self._n_free -= 1
        self._hosts[turn.host] += 1
        turn.share.n_running += 1
        self._reserve(turn, self._medium_bytes)
        turn.slow_timer = loop.call_later(self._slow_s, self._count_as_slow, turn)
        waiter.turn.set_result(turn)

    def _count_as_slow(self, turn: Turn) -> None:
        """Count a fetch as slow, and end the slowest if those are too many."""
        self._slow.add(turn)
        if len(self._slow) > self._half:
            now_s = asyncio.get_running_loop().time()
            slowest = min(self._slow, key=lambda each: each.rate(now_s))
            self._slow.discard(slowest)
            slowest.was_ended = True
            if slowest.timer is not None:
                slowest.timer.reschedule(now_s)

    def _end(self, turn: Turn, *, failed: bool) -> None:
        if not turn.is_running:
            return
        turn.is_running = False
        if turn.slow_timer is not None:
            turn.slow_timer.cancel()
        self._slow.discard(turn)
        self._n_free += 1
        self._hosts -= Counter({turn.host: 1})  # without the hosts that have none left
        turn.share.n_running -= 1
        self._charge(turn, failed=failed)
        self._grant()

    def _charge(self, turn: Turn, *, failed: bool) -> None:
        """Charge the post with time that its host has wasted, and end its patience if that is much."""
        loop = asyncio.get_running_loop()
        took_s = loop.time() - turn.since_s
        if failed or (took_s > self._slow_s and turn.rate(loop.time()) < _CREEPING_BYTES_PER_S):
            turn.share.wasted_s += took_s
        if turn.share.wasted_s >= self._slow_s / 2 and turn.share.gives_up_at_s == float("inf"):
            turn.share.gives_up_at_s = loop.time() + self._patience_s
            loop.call_at(turn.share.gives_up_at_s, self._give_up, turn.share)

    def _give_up(self, share: Share) -> None:
        for waiter in [each for each in self._waiters.values() if each.share is share]:
            del self._waiters[waiter.number]
            waiter.turn.set_exception(_no_turn(waiter.host))

    def _resize(self, turn: Turn, n_bytes: int) -> None:
        self._reserve(turn, n_bytes)
        self._grant()

    def _reserve(self, turn: Turn, n_bytes: int) -> None:
        more = n_bytes - turn.reserved_bytes
        turn.reserved_bytes = n_bytes
        turn.share.held_bytes += more
        self._free_bytes -= more
        metrics.MEDIA_DISK_BYTES.inc(more)


def _no_turn(host: str) -> UnprocessableError:
    return UnprocessableError("link_slow", f"no turn for {host} after links of the same post had wasted time")
