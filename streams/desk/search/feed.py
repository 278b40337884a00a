"""`jikimi feed search`: words of open cases, asked of platforms in turn, within budgets; what they find are posts.

A query's posts and the place after them are written in one transaction, as every feed's. A platform that limits or
refuses its search waits, as long as it asks to, and its places stay.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from schemas.messages import Post
from streams.desk.search.platform import Place, RefusedError, SearchPlatform
from streams.desk.search.settings import SearchSettings
from streams.desk.search.words import PlatformState
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.cursor import Progress

log = structlog.get_logger()

_WORDS_S = 60.0
"""Time between two looks for words that were added, and cases that were withdrawn."""
_IDLE_S = 1.0
_MAX_KNOWN = 10_000
"""Posts by which repeats are recognised; one beyond them is judged again."""
_NEVER, _NEVER_BEFORE = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
_FIRST_WAIT_S, _MAX_WAIT_S = 60.0, 3_600.0
"""Wait after a refusal that names no time; it doubles with each."""

type Words = Callable[[], Awaitable[Mapping[str, Sequence[str]]]]
"""Returns the cases by word."""
type Clock = Callable[[], datetime]


class _Day(msgspec.Struct, frozen=True):
    """Queries of a platform on one day, and until when it waits."""

    day: str = ""
    asked: int = 0
    waits_until: datetime | None = None
    reason: str = ""
    refusals: int = 0
    """In a row."""


class _Turn(NamedTuple):
    platform: SearchPlatform
    word: str


class SearchFeed:
    """Queries of all platforms, one at a time, the word first that has waited longest.

    Parameters
    ----------
    key_of
        Returns the key of a word in the cursors, which does not reveal it.
    report
        Called with the state of every platform after each query.
    once
        Ask each platform for each word once, and end.
    """

    def __init__(
        self,
        settings: SearchSettings,
        platforms: Sequence[SearchPlatform],
        words: Words,
        key_of: Callable[[str], str],
        report: Callable[[Sequence[PlatformState]], None],
        *,
        once: bool = False,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._platforms, self._read_words, self._key_of = settings, platforms, words, key_of
        self._report, self._once, self._clock = report, once, clock
        self._words: Mapping[str, Sequence[str]] = {}
        self._places: dict[str, Place] = {}
        self._days: dict[str, _Day] = {}
        self._due: dict[tuple[str, str], datetime] = {}
        self._asked_at: dict[str, datetime] = {}
        self._found: dict[str, dict[str, int]] = {}
        self._words_due: datetime | None = None
        self._known: OrderedDict[str, None] = OrderedDict()

    async def batches(self, progress: Progress) -> AsyncGenerator[Batch]:
        """Yield the results of each query, and the changed cursors."""
        self._restore(progress)
        while True:
            if (gone := await self._refresh()) is not None:
                yield gone
            due = self._due_turns()
            if (turn := self._next(due)) is not None:
                yield await self._ask(turn)
            elif self._once and not due:
                return
            else:
                await asyncio.sleep(_IDLE_S)

    def _restore(self, progress: Progress) -> None:
        for part, position in progress.parts.items():
            kind, _, name = part.partition("/")
            if kind == "day":
                self._days[name] = msgspec.json.decode(position, type=_Day)
            else:
                self._places[name] = msgspec.json.decode(position, type=Place)

    async def _refresh(self) -> Batch | None:
        """Read the words if it is time; return what erases the cursors of words that are searched no more."""
        now = self._clock()
        if self._words_due is not None and now < self._words_due:
            return None
        self._words, self._words_due = await self._read_words(), now + timedelta(seconds=_WORDS_S)
        wanted = {self._place_key(_Turn(platform, word)) for platform in self._platforms for word in self._words}
        gone = [name for name in self._places if name not in wanted]
        for name in gone:
            del self._places[name]
        self._due = {key: due for key, due in self._due.items() if key[1] in self._words}
        return Batch(parts={f"place/{name}": None for name in gone}) if gone else None

    def _due_turns(self) -> list[_Turn]:
        """Return the turns that are due on platforms that do not wait, apart from the budget of a minute."""
        now = self._clock()
        ready = [platform for platform in self._platforms if self._may_go_on(platform.name, now)]
        turns = [_Turn(platform, word) for platform in ready for word in self._words if platform.takes(word)]
        return [turn for turn in turns if self._due_at(turn) <= now]

    def _may_go_on(self, name: str, now: datetime) -> bool:
        waits_until = self._day(name).waits_until
        return (waits_until is None or waits_until <= now) and not self._is_spent(name, now)

    def _next(self, due: Sequence[_Turn]) -> _Turn | None:
        """Return the turn that has waited longest on a platform with budget in this minute."""
        now, apart = self._clock(), timedelta(minutes=1 / self._settings.per_minute)
        may_ask = [turn for turn in due if now - self._asked_at.get(turn.platform.name, _NEVER_BEFORE) >= apart]
        return min(may_ask, key=self._due_at, default=None)

    def _day(self, name: str) -> _Day:
        return self._days.get(name, _Day())

    def _is_spent(self, name: str, now: datetime) -> bool:
        """Return whether the day's budget of a platform is used up."""
        day = self._day(name)
        return day.day == now.date().isoformat() and day.asked >= self._settings.per_day

    def _due_at(self, turn: _Turn) -> datetime:
        return self._due.get((turn.platform.name, turn.word), _NEVER_BEFORE)

    async def _ask(self, turn: _Turn) -> Batch:
        now, name, key = self._clock(), turn.platform.name, self._place_key(turn)
        self._asked_at[name] = now
        try:
            results = await turn.platform.search(turn.word, self._places.get(key, Place()))
        except RefusedError as error:
            return self._refused(turn, error, now)
        self._places[key] = results.place
        self._due[name, turn.word] = now if results.has_more else self._next_look(now)
        found = self._found.setdefault(name, {})
        for case_id in self._words.get(turn.word, ()):
            found[case_id] = found.get(case_id, 0) + sum(isinstance(record, Post) for record in results.records)
        self._days[name] = self._counted(name, now)
        self._show()
        parts = {f"place/{key}": msgspec.json.encode(results.place).decode(), **self._day_part(name)}
        return Batch([record for record in results.records if self._is_new(record)], parts=parts)

    def _is_new(self, record: FeedRecord) -> bool:
        """Return whether a record was not yielded before: other words and the other search of a server find it too."""
        if not isinstance(record, Post):
            return True
        is_new = record.post_id not in self._known
        self._known[record.post_id] = None
        self._known.move_to_end(record.post_id)
        while len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return is_new

    def _refused(self, turn: _Turn, error: RefusedError, now: datetime) -> Batch:
        """Return the batch that keeps until when the platform waits; its places stay."""
        name, counted = turn.platform.name, self._counted(turn.platform.name, now)
        refusals = self._day(name).refusals + 1
        wait_s = error.wait_s if error.wait_s is not None else min(_FIRST_WAIT_S * 2 ** (refusals - 1), _MAX_WAIT_S)
        until = now + timedelta(seconds=wait_s)
        self._days[name] = msgspec.structs.replace(
            counted, waits_until=until, reason=error.reason, refusals=min(refusals, 20)
        )
        if self._once:
            self._due[name, turn.word] = _NEVER
        log.warning("search refused", platform=name, reason=error.reason, detail=error.detail, again_in_s=round(wait_s))
        self._show()
        return Batch(parts=self._day_part(name))

    def _next_look(self, now: datetime) -> datetime:
        """Return when a word whose results are all read is due again: never in a single run."""
        return _NEVER if self._once else now + timedelta(seconds=self._settings.interval_s)

    def _counted(self, name: str, now: datetime) -> _Day:
        """Return the platform's day with one more query, and no wait."""
        day, before = now.date().isoformat(), self._day(name)
        return _Day(day, before.asked + 1 if before.day == day else 1)

    def _day_part(self, name: str) -> dict[str, str | None]:
        return {f"day/{name}": msgspec.json.encode(self._days[name]).decode()}

    def _place_key(self, turn: _Turn) -> str:
        return f"{turn.platform.name}/{self._key_of(turn.word)}"

    def _show(self) -> None:
        try:
            self._report([self._state(platform.name) for platform in self._platforms])
        except OSError as error:
            log.warning("state of searches not kept", error=type(error).__name__)

    def _state(self, name: str) -> PlatformState:
        day, now = self._day(name), self._clock()
        is_spent = self._is_spent(name, now)
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return PlatformState(
            platform=name,
            asked_at=self._asked_at.get(name),
            waits_until=tomorrow if is_spent else day.waits_until,
            reason="budget" if is_spent else day.reason,
            found=self._found.get(name, {}),
        )
