"""Whatever happens in whatever order, with deaths in between: no illegal step, no notice twice, no time missed."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from streams.delivery.channels.channel import Answer
from streams.delivery.plan import next_step
from streams.takedown.life import GONE, OPEN, PENDING, chained, may_follow
from tests.unit.delivery.made_delivery import DAY, HOUR, KilledError, Rig
from tests.unit.made_messages import delivery

_ANSWERS = st.sampled_from(
    [
        Answer("delivered"),
        Answer("acknowledged", receipt="7"),
        Answer("refused", error="NotIllegal"),
        Answer("failed", error="timeout"),
        Answer("failed", status=429, retry_after_s=3 * HOUR),
    ]
)


class Life(RuleBasedStateMachine):
    """Up to six takedowns on one platform, for years."""

    takedowns = Bundle("takedowns")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig: Rig = self._in_loop(self._rig())
        self.n_issued = 0

    def teardown(self) -> None:
        self.loop.close()

    def _in_loop(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _rig(self) -> Rig:
        return Rig(max_notices=3)

    @rule(target=takedowns, minor=st.booleans())
    def issue(self, minor: bool) -> str:
        if self.n_issued < 6:
            self.n_issued += 1
            self.rig.issue(f"t{self.n_issued}", minor=minor)
        return f"t{self.n_issued}"

    @rule(seconds=st.sampled_from([1.0, 60.0, HOUR, 7 * HOUR, DAY, 3 * DAY, 10 * DAY, 200 * DAY]))
    def pass_time(self, seconds: float) -> None:
        tick = max(HOUR, seconds / 40)
        self._in_loop(self.rig.later(seconds, tick))
        self._nothing_is_missed()

    @rule(answer=_ANSWERS)
    def answer_next(self, answer: Answer) -> None:
        self.rig.platform.answers.append(answer)

    @rule(name=takedowns, shown=st.booleans())
    def show(self, name: str, shown: bool) -> None:
        self.rig.platform.shows[f"post-{name}"] = shown

    @rule(name=takedowns, state=st.sampled_from(["removed", "withdrawn", "reappeared"]))
    def end_by_the_takedown_stage(self, name: str, state: Any) -> None:
        if may_follow(self.rig.state(name), state):
            self._in_loop(self.rig.end(name, state))

    @rule(name=takedowns, outcome=st.sampled_from(["acknowledged", "refused", "gone"]))
    def answer_later(self, name: str, outcome: Any) -> None:
        answer = delivery(takedown_id=name, kind="answer", outcome=outcome, at=self.rig.at())
        self._in_loop(self.rig.deliverer.apply_step(answer, 0))

    @rule()
    def restart(self) -> None:
        self.rig.restart()

    @rule()
    def die_after_a_notice(self) -> None:
        self.rig.platform.dies_after_notice = True
        try:
            self._in_loop(self.rig.later(2 * DAY, 6 * HOUR))
        except KilledError:
            self._in_loop(self._end_the_others())
            self.rig.restart()
        self.rig.platform.dies_after_notice = False

    async def _end_the_others(self) -> None:
        for task in self.rig.deliverer._running:
            task.cancel()
        await asyncio.gather(*self.rig.deliverer._running, return_exceptions=True)

    @invariant()
    def every_step_is_legal_and_linked(self) -> None:
        last: dict[str, Any] = {}
        for event in self.rig.log.topic:
            before = last.get(event.takedown_id)
            assert event == chained(event, before)
            assert may_follow(before.state if before else None, event.state)
            last[event.takedown_id] = event

    @invariant()
    def no_notice_is_sent_twice(self) -> None:
        keys = defaultdict[Any, set[str]](set)
        for got in self.rig.platform.notices:
            keys[got.takedown_id, got.round, got.number].add(got.key)
        assert all(len(of_one) == 1 for of_one in keys.values())  # a repeat after a death can be recognised
        assert len(set().union(*keys.values())) == len(keys)  # and another notice cannot be taken for one
        recorded = Counter(one.delivery_id for one in self.rig.deliveries)
        assert all(count == 1 for count in recorded.values())

    @invariant()
    def a_platform_gets_no_more_than_its_limit(self) -> None:
        taken = Counter(
            (one.takedown_id, one.channel, self._round(one.idempotency_key))
            for one in self.rig.deliveries
            if one.kind == "attempt" and one.outcome != "failed"
        )
        assert all(count <= 3 for count in taken.values())

    def _round(self, key: str) -> float:
        return next((got.round for got in self.rig.platform.notices if got.key == key), 0.0)

    def _nothing_is_missed(self) -> None:
        for key, value in self.rig.values.items():
            found = self.rig.deliverer._timetables[0].get(key.decode())
            assert found is not None, value
            step = next_step(found, self.rig.registry.platforms["platform"])
            assert step is None or step.at > self.rig.now
            assert found.state == self.rig.state(key.decode())
            assert found.state in OPEN | GONE
        for name in {event.takedown_id for event in self.rig.log.topic}:
            assert self.rig.state(name) not in PENDING or name.encode() in self.rig.values


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
