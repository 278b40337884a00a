"""Join of removals and takedowns, in either order of arrival."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from schemas.messages import Message, Removal, State, Takedown
from streams.takedown.life import chained
from streams.takedown.removals import Removals, next_event
from tests.unit.made_messages import NOW, post_ref, removal, takedown
from tests.unit.takedown.made_log import MadeLog

SOON, LATER = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)


def account(kind: str, **changes: Any) -> Removal:
    return removal(kind=kind, url=None, author="a1", **changes)


def of(state: State, cause: Removal | None = None) -> Takedown:
    event = takedown(state=state, removal=cause, post=msgspec.structs.replace(post_ref(), author="a1"))
    return chained(event, None)


@pytest.mark.parametrize("state", ["issued", "sent", "acknowledged", "reappeared"])
@pytest.mark.parametrize("cause", [removal(), account("account_gone", status="takendown")])
def test_a_pending_takedown_is_removed_with_the_platforms_removal(state: State, cause: Removal) -> None:
    last = of(state)
    event = next_event(last, cause)
    assert event is not None
    assert (event.state, event.removal, event.previous) == ("removed", cause, last.hash)
    assert chained(event, last) == event


@pytest.mark.parametrize("state", ["removed", "withdrawn"])
def test_a_takedown_that_is_not_pending_stays_unchanged(state: State) -> None:
    assert next_event(of(state, removal()), removal(removal_id="x2", at=SOON)) is None


def test_a_held_takedown_ends_with_its_post_and_not_with_its_account() -> None:
    event = next_event(of("held"), removal())
    assert event is not None
    assert event.state == "removed"
    assert next_event(of("held"), account("account_gone")) is None


def test_only_posts_removed_with_an_account_reappear_with_it() -> None:
    gone, back = account("account_gone"), account("account_back", at=SOON)
    event = next_event(of("removed", gone), back)
    assert event is not None
    assert (event.state, event.removal) == ("reappeared", back)
    assert next_event(of("removed", removal()), back) is None
    assert next_event(of("issued"), back) is None
    assert next_event(of("withdrawn"), back) is None
    assert next_event(event, account("account_gone", removal_id="x3", at=LATER)) is not None


def test_a_removal_out_of_order_changes_nothing() -> None:
    assert next_event(of("removed", account("account_gone", at=LATER)), account("account_back", at=SOON)) is None
    assert next_event(of("reappeared", account("account_back", at=LATER)), account("account_gone", at=SOON)) is None


def test_a_removal_before_the_post_was_observed_is_ignored() -> None:
    assert next_event(of("issued"), removal(seen_at=NOW - timedelta(seconds=1))) is None


def test_the_same_removal_gives_the_same_event_id() -> None:
    first, again = next_event(of("issued"), removal()), next_event(of("issued"), removal())
    assert first is not None
    assert again is not None
    assert first.event_id == again.event_id


class Rig:
    """A takedown log whose topic is a list, and the removals joined with it."""

    def __init__(self, max_recent: int = 100) -> None:
        self.takedown_log = MadeLog(send=self.send)
        self.topic = self.takedown_log.topic
        self.write = self.takedown_log.write
        self.removals = Removals(self.takedown_log.context, self.takedown_log, max_recent)

    async def send(self, topic: str, key: str, message: Message) -> None:
        assert isinstance(message, Takedown)
        assert (topic, key) == ("takedowns", message.takedown_id)
        self.write(message)

    async def apply(self, cause: Removal) -> None:
        async for output in self.removals.apply(cause):
            await self.send(output.topic, output.key, cast("Takedown", output.message))

    async def run(self) -> None:
        """Run the background join until its queue is empty."""
        task = asyncio.create_task(self.removals.run())
        await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    @property
    def states(self) -> list[State]:
        return [event.state for event in self.topic]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.takedown_log.stop()


async def test_a_removal_is_joined_with_an_earlier_takedown(rig: Rig) -> None:
    rig.write(of("issued"))
    await rig.apply(removal())
    await rig.apply(removal())
    await rig.run()
    assert rig.states == ["issued", "removed"]


async def test_a_removal_is_joined_with_a_later_takedown(rig: Rig) -> None:
    await rig.apply(removal())
    rig.write(of("issued"))
    await rig.run()
    await rig.apply(removal())
    assert rig.states == ["issued", "removed"]


async def test_the_posts_of_an_account_are_removed_and_reappear_with_it(rig: Rig) -> None:
    for number in (1, 2):
        post = msgspec.structs.replace(post_ref(f"p{number}"), author="a1", url=f"https://example.org/{number}")
        rig.write(chained(takedown(takedown_id=f"t{number}", post=post), None))
    await rig.apply(removal(url="https://example.org/2"))
    await rig.apply(account("account_gone", removal_id="x2", status="deactivated", at=SOON))
    await rig.apply(account("account_back", removal_id="x3", at=LATER))
    lives = {key: [event.state for event in rig.topic if event.takedown_id == key] for key in ("t1", "t2")}
    assert lives == {"t1": ["issued", "removed", "reappeared"], "t2": ["issued", "removed"]}


async def test_a_takedown_after_its_account_is_back_is_not_removed(rig: Rig) -> None:
    await rig.apply(account("account_gone"))
    await rig.apply(account("account_back", removal_id="x2", at=SOON))
    rig.write(of("issued"))
    await rig.run()
    assert rig.states == ["issued"]


async def test_removals_of_another_post_account_or_platform_are_ignored(rig: Rig) -> None:
    rig.write(of("issued"))
    await rig.apply(removal(url="https://example.org/other"))
    await rig.apply(removal(platform="other"))
    await rig.apply(account("account_gone", platform="other"))
    assert rig.states == ["issued"]


async def test_after_an_event_of_another_worker_the_removal_is_applied_again(rig: Rig) -> None:
    last = of("issued")
    rig.write(last)
    written: list[Takedown] = []
    async for output in rig.removals.apply(removal()):
        event = cast("Takedown", output.message)
        if not written:  # another worker's is in the topic before ours
            rig.write(chained(msgspec.structs.replace(last, event_id="e2", state="sent"), last))
        written.append(event)
        rig.write(event)
    chain = [await rig.takedown_log.last_of(last.takedown_id)]
    assert [event.state for event in written] == ["removed", "removed"]
    assert chain[0] == written[1]
    assert written[1].previous == rig.topic[1].hash != written[0].previous
    assert written[0].event_id != written[1].event_id


async def test_no_more_recent_removals_are_kept_than_the_maximum() -> None:
    small = Rig(max_recent=1)
    await small.apply(removal())
    await small.apply(removal(url="https://example.org/other"))
    small.write(of("issued"))
    await small.run()
    assert small.states == ["issued"]
    await small.takedown_log.stop()
