"""What a platform's word brings to a takedown, whichever comes first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Message, Removal, State, Takedown
from streams.engine.app import Context
from streams.settings import load_settings
from streams.takedown.log import TakedownLog, chained
from streams.takedown.removals import Removals, following
from tests.unit.made_messages import NOW, post_ref, removal, takedown

SOON, LATER = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)


def account(kind: str, **changes: Any) -> Removal:
    return removal(kind=kind, url=None, author="a1", **changes)


def of(state: State, cause: Removal | None = None) -> Takedown:
    event = takedown(state=state, removal=cause, post=msgspec.structs.replace(post_ref(), author="a1"))
    return chained(event, None)


@pytest.mark.parametrize("state", ["issued", "sent", "acknowledged", "reappeared"])
@pytest.mark.parametrize("cause", [removal(), account("account_gone", status="takendown")])
def test_what_is_pending_is_removed_with_the_platforms_word(state: State, cause: Removal) -> None:
    last = of(state)
    event = following(last, cause)
    assert event is not None
    assert (event.state, event.removal, event.previous) == ("removed", cause, last.hash)
    assert chained(event, last) == event


@pytest.mark.parametrize("state", ["removed", "withdrawn"])
def test_what_is_not_pending_stays_as_it_is(state: State) -> None:
    assert following(of(state, removal()), removal(removal_id="x2", at=SOON)) is None


def test_what_is_held_goes_with_its_post_and_waits_for_an_account_to_come_back() -> None:
    event = following(of("held"), removal())
    assert event is not None
    assert event.state == "removed"
    assert following(of("held"), account("account_gone")) is None


def test_only_an_account_that_comes_back_brings_back_what_went_with_it() -> None:
    gone, back = account("account_gone"), account("account_back", at=SOON)
    event = following(of("removed", gone), back)
    assert event is not None
    assert (event.state, event.removal) == ("reappeared", back)
    assert following(of("removed", removal()), back) is None
    assert following(of("issued"), back) is None
    assert following(of("withdrawn"), back) is None
    assert following(event, account("account_gone", removal_id="x3", at=LATER)) is not None


def test_what_is_told_late_changes_nothing() -> None:
    assert following(of("removed", account("account_gone", at=LATER)), account("account_back", at=SOON)) is None
    assert following(of("reappeared", account("account_back", at=LATER)), account("account_gone", at=SOON)) is None


def test_a_url_that_is_used_again_is_not_gone() -> None:
    assert following(of("issued"), removal(seen_at=NOW - timedelta(seconds=1))) is None


def test_the_same_word_gives_the_same_event_id() -> None:
    first, again = following(of("issued"), removal()), following(of("issued"), removal())
    assert first is not None
    assert again is not None
    assert first.event_id == again.event_id


class Rig:
    """A takedown_log whose topic is a list, and the removals joined with it."""

    def __init__(self, remembered: int = 100) -> None:
        settings = load_settings(bootstrap_servers="127.0.0.1:9")
        context = SimpleNamespace(
            settings=settings, codec=Codec(), physical=lambda name: name, crash=pytest.fail, send=self.send
        )
        self.topic: list[Takedown] = []
        self.takedown_log = TakedownLog(cast("Context", context))
        self.takedown_log.start = self._nothing  # type: ignore[method-assign]  # there is no broker
        self.takedown_log.current = self._nothing  # type: ignore[method-assign]
        self.removals = Removals(cast("Context", context), self.takedown_log, remembered)

    async def _nothing(self) -> None:
        pass

    async def send(self, topic: str, key: str, message: Message) -> None:
        assert isinstance(message, Takedown)
        assert (topic, key) == ("takedowns", message.takedown_id)
        self.write(message)

    def write(self, event: Takedown) -> None:
        self.topic.append(event)
        self.takedown_log.note(event)

    async def take(self, cause: Removal) -> None:
        async for output in self.removals.take(cause):
            await self.send(output.topic, output.key, cast("Takedown", output.message))

    async def run(self) -> None:
        """Let the background do what it has to."""
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
    await made.takedown_log._reader.stop()


async def test_a_removal_meets_the_takedown_issued_before(rig: Rig) -> None:
    rig.write(of("issued"))
    await rig.take(removal())
    await rig.take(removal())
    await rig.run()
    assert rig.states == ["issued", "removed"]


async def test_a_removal_meets_the_takedown_issued_after(rig: Rig) -> None:
    await rig.take(removal())
    rig.write(of("issued"))
    await rig.run()
    await rig.take(removal())
    assert rig.states == ["issued", "removed"]


async def test_an_account_takes_all_its_posts_along_and_brings_them_back(rig: Rig) -> None:
    for number in (1, 2):
        post = msgspec.structs.replace(post_ref(f"p{number}"), author="a1", url=f"https://example.org/{number}")
        rig.write(chained(takedown(takedown_id=f"t{number}", post=post), None))
    await rig.take(removal(url="https://example.org/2"))
    await rig.take(account("account_gone", removal_id="x2", status="deactivated", at=SOON))
    await rig.take(account("account_back", removal_id="x3", at=LATER))
    lives = {key: [event.state for event in rig.topic if event.takedown_id == key] for key in ("t1", "t2")}
    assert lives == {"t1": ["issued", "removed", "reappeared"], "t2": ["issued", "removed"]}


async def test_an_account_that_is_back_takes_nothing_along_that_comes_later(rig: Rig) -> None:
    await rig.take(account("account_gone"))
    await rig.take(account("account_back", removal_id="x2", at=SOON))
    rig.write(of("issued"))
    await rig.run()
    assert rig.states == ["issued"]


async def test_another_post_another_account_and_another_platform_stay(rig: Rig) -> None:
    rig.write(of("issued"))
    await rig.take(removal(url="https://example.org/other"))
    await rig.take(removal(platform="other"))
    await rig.take(account("account_gone", platform="other"))
    assert rig.states == ["issued"]


async def test_a_worker_that_wrote_first_wins_and_what_still_follows_is_written_again(rig: Rig) -> None:
    last = of("issued")
    rig.write(last)
    written: list[Takedown] = []
    async for output in rig.removals.take(removal()):
        event = cast("Takedown", output.message)
        if not written:  # another worker's is in the topic before ours
            rig.write(chained(msgspec.structs.replace(last, event_id="e2", state="sent"), last))
        written.append(event)
        rig.write(event)
    chain = [rig.takedown_log.last(last.takedown_id)]
    assert [event.state for event in written] == ["removed", "removed"]
    assert chain[0] == written[1]
    assert written[1].previous == rig.topic[1].hash != written[0].previous
    assert written[0].event_id != written[1].event_id


async def test_no_more_removals_are_remembered_than_asked() -> None:
    small = Rig(remembered=1)
    await small.take(removal())
    await small.take(removal(url="https://example.org/other"))
    small.write(of("issued"))
    await small.run()
    assert small.states == ["issued"]
    await small.takedown_log._reader.stop()
