"""Deadlines and partitions of a live fusion worker; its table is a dictionary, no Kafka."""

import asyncio
import time
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schemas.messages import Parts, Verdict
from streams.engine.app import _faust_app
from streams.engine.context import Context
from streams.errors import BrokerError
from streams.fusion.join_window import JoinWindow
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.fusion.stage import Fusion
from streams.replay.run_state import RunState
from streams.settings import load_settings
from streams.telemetry import trace
from tests.unit.made_messages import POLICY, match, post_ref, scores

_HEADERS = {"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


PARTITION = 3


class MadeTable:
    """A table without a broker; what it has acquired stays the same until it is released."""

    def __init__(self) -> None:
        self.held: dict[int, RunState] = {}

    async def acquire(self, partition: int) -> RunState:
        return self.held.setdefault(partition, RunState())

    def release(self, owned: Collection[int]) -> None:
        for partition in self.held.keys() - set(owned):
            del self.held[partition]


@pytest.fixture
async def fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fusion:
    settings = load_settings(topic_prefix="trial.", archive_dir=tmp_path, fusion_deadline_s=30, fusion_memory_s=1000)
    context = Context(_faust_app("trial", settings), settings)
    fusion = Fusion(context, MadeTable())
    monkeypatch.setattr(context, "owned", lambda _: {PARTITION})

    async def rules(_: set[str]) -> Rules:
        return Rules(context.models.fusion(), {"case-a": POLICY})

    monkeypatch.setattr(fusion, "rules", rules)
    return fusion


async def add(fusion: Fusion, **given: Any) -> None:
    """Add scores of a post that stays incomplete and that a person would have to decide on."""
    message = scores("visual", match(0.55), parts=Parts(visual=99, audio=0, text=0), **given)
    window = await fusion.window(PARTITION)
    await fusion.save(window, *await window.add(message, time.time()))


async def kept(fusion: Fusion) -> dict[bytes, bytes]:
    return dict((await fusion.window(PARTITION)).store.items())


async def expire(fusion: Fusion, monkeypatch: pytest.MonkeyPatch, after_s: float) -> list[Any]:
    """Handle the deadlines that have come so much later; return the verdicts sent, with their headers."""
    sent: list[Any] = []

    async def send(topic: str, key: str, message: Any) -> None:
        assert (topic, key) == ("verdicts", "p1")
        sent.append((message, trace.current_headers()))

    now_s = time.time() + after_s
    monkeypatch.setattr(fusion._context, "send", send)
    monkeypatch.setattr("streams.fusion.stage.time", SimpleNamespace(time=lambda: now_s))
    await fusion.expire_due()
    return sent


async def test_a_post_has_one_state_until_it_is_evicted(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    with trace.span("fusion", "scores", _HEADERS):
        for number in range(20):
            await add(fusion, number=number)
    assert len(await kept(fusion)) == 1
    assert await expire(fusion, monkeypatch, 29) == []
    ((verdict, headers),) = await expire(fusion, monkeypatch, 31)
    assert (verdict.reason, headers) == ("deadline", _HEADERS)
    assert len(await kept(fusion)) == 1
    assert await expire(fusion, monkeypatch, 1020) == []
    assert (await fusion.window(PARTITION)).state("p1") is not None
    assert await expire(fusion, monkeypatch, 1040) == []
    assert (await fusion.window(PARTITION)).state("p1") is None
    assert len(await kept(fusion)) == 0


async def test_late_scores_extend_the_retention_of_a_post(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(fusion)
    await expire(fusion, monkeypatch, 31)
    for number in range(5):
        await add(fusion, number=number, late=True)  # at the time that `expire` has set
    assert len(await kept(fusion)) == 1
    await expire(fusion, monkeypatch, 1020)
    assert (await fusion.window(PARTITION)).state("p1") is not None


async def test_deadlines_are_kept_during_a_rebalance(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(fusion)
    fusion._context.app.rebalancing = True
    assert await expire(fusion, monkeypatch, 31) == []
    fusion._context.app.rebalancing = False
    assert len(await expire(fusion, monkeypatch, 31)) == 1


async def test_state_from_before_there_were_traces_is_read(fusion: Fusion) -> None:
    await add(fusion)
    kept = (await fusion.window(PARTITION)).state("p1")
    assert kept is not None
    old = msgspec.msgpack.decode(msgspec.msgpack.encode(kept))
    del old["trace"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=PostState).trace == {}


async def test_a_deadline_waits_for_the_broker(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(fusion)
    answers = iter([BrokerError("no answer"), BrokerError("no answer"), None])
    close = JoinWindow.close

    async def close_later(window: JoinWindow, state: PostState, now_s: float) -> list[Verdict]:
        if (error := next(answers)) is not None:
            raise error
        return await close(window, state, now_s)

    monkeypatch.setattr(JoinWindow, "close", close_later)
    ((verdict, _),) = await expire(fusion, monkeypatch, 31)
    assert verdict.reason == "deadline"
    state = (await fusion.window(PARTITION)).state("p1")
    assert state is not None
    assert state.closed


async def test_a_deadline_ends_the_worker_when_the_broker_stays_away(
    fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(fusion)

    async def close(*_: Any) -> list[Verdict]:
        raise BrokerError("no answer")

    monkeypatch.setattr(JoinWindow, "close", close)
    monkeypatch.setattr(fusion._context, "retry_while_unreachable", lambda step: step())  # its patience is over
    with pytest.raises(BrokerError):
        await expire(fusion, monkeypatch, 31)


async def test_states_of_a_revoked_partition_go(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(fusion)
    lost = await fusion.window(PARTITION)
    monkeypatch.setattr(fusion._context, "owned", lambda _: {PARTITION + 1})
    assert await expire(fusion, monkeypatch, 31) == []
    monkeypatch.setattr(fusion._context, "owned", lambda _: {PARTITION})
    again = await fusion.window(PARTITION)
    assert again is not lost
    assert (again.state("p1"), await kept(fusion)) == (None, {})


async def test_deadlines_follow_the_states_of_an_acquired_partition(
    fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(fusion)
    fusion._windows.clear()  # as after a restart; the table has the state
    ((verdict, _),) = await expire(fusion, monkeypatch, 31)
    assert verdict.reason == "deadline"


async def test_a_deadline_of_a_window_that_was_lost_meanwhile_sends_nothing(
    fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(fusion)
    lost = await fusion.window(PARTITION)
    fusion._windows.clear()
    after_s = time.time() + 31
    monkeypatch.setattr(fusion._context, "send", pytest.fail)
    monkeypatch.setattr("streams.fusion.stage.time", SimpleNamespace(time=lambda: after_s))
    await fusion._expire(PARTITION, lost, "p1")


async def test_as_many_posts_as_are_due_are_closed_together(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    window = await fusion.window(PARTITION)
    for number in range(150):
        message = scores("visual", parts=Parts(visual=99, audio=0, text=0))
        segment = msgspec.structs.replace(message.segment, post=post_ref(f"p{number}"))
        await fusion.save(window, *await window.add(msgspec.structs.replace(message, segment=segment), time.time()))
    together, at_once = 0, []
    close = JoinWindow.close

    async def close_slowly(window: JoinWindow, state: PostState, now_s: float) -> list[Verdict]:
        nonlocal together
        together += 1
        at_once.append(together)
        await asyncio.sleep(0)
        together -= 1
        return await close(window, state, now_s)

    async def send(*_: Any) -> None:
        """Deliver the verdict."""

    later_s = time.time() + 31
    monkeypatch.setattr(JoinWindow, "close", close_slowly)
    monkeypatch.setattr(fusion._context, "send", send)
    monkeypatch.setattr("streams.fusion.stage.time", SimpleNamespace(time=lambda: later_s))
    await fusion.expire_due()
    assert (len(at_once), max(at_once)) == (150, 64)
    assert all(state.closed for state in window._states())
