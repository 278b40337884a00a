"""Fusion's clock: each post once in it, however much is heard of it; its table held in memory, no Kafka."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schemas.messages import Parts
from streams.engine.app import Context, _faust_app
from streams.fusion.post_state import PostState, Rules
from streams.fusion.stage import Fusion
from streams.settings import load_settings
from streams.telemetry import trace
from tests.unit.made_messages import POLICY, match, scores

_HEADERS = {"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


class Table(dict[bytes, bytes]):
    """As much of the durable table as fusion uses."""

    async def put(self, key: bytes, value: bytes) -> None:
        self[key] = value

    async def forget(self, key: bytes) -> None:
        self.pop(key, None)


@pytest.fixture
async def fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fusion:
    settings = load_settings(topic_prefix="trial.", archive_dir=tmp_path, fusion_deadline_s=30, fusion_memory_s=1000)
    context = Context(_faust_app("trial", settings), settings)
    fusion = Fusion(context)
    monkeypatch.setattr(fusion, "_table", Table())
    monkeypatch.setattr(fusion, "_owns", lambda _: True)

    async def rules(_: set[str]) -> Rules:
        return Rules(context.models.fusion(), {"case-a": POLICY})

    monkeypatch.setattr(fusion, "rules", rules)
    return fusion


async def hear(fusion: Fusion, **given: Any) -> None:
    message = scores(
        "visual", match(0.55), parts=Parts(visual=99, audio=0, text=0), **given
    )  # for a person to decide, once all was heard
    post_id = message.segment.post.post_id
    hearing = fusion.hearing(post_id) or fusion.open(message)
    verdicts = hearing.hear(message, await fusion.rules(set()), time.time())
    await fusion.remember(post_id, hearing, verdicts)


async def tick(fusion: Fusion, monkeypatch: pytest.MonkeyPatch, after_s: float) -> list[Any]:
    """Let the clock pass what is due so much later; return what was written."""
    sent: list[Any] = []

    async def send(topic: str, key: str, message: Any) -> None:
        assert (topic, key) == ("verdicts", "p1")
        sent.append((message, trace.current_headers()))

    now_s = time.time() + after_s
    monkeypatch.setattr(fusion._context, "send", send)
    monkeypatch.setattr("streams.fusion.stage.time", SimpleNamespace(time=lambda: now_s))
    while fusion._clock and fusion._clock[0][0] <= now_s:
        await fusion._expire(fusion._clock.pop(0)[1])
    return sent


async def test_a_post_is_in_the_clock_once_until_it_is_forgotten(
    fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trace.span("fusion", "scores", _HEADERS):
        for number in range(20):
            await hear(fusion, number=number)
    assert len(fusion._clock) == 1
    assert await tick(fusion, monkeypatch, 29) == []
    ((verdict, headers),) = await tick(fusion, monkeypatch, 31)
    assert (verdict.reason, headers) == ("deadline", _HEADERS)
    assert len(fusion._clock) == 1
    assert await tick(fusion, monkeypatch, 1020) == []
    assert fusion.hearing("p1") is not None
    assert await tick(fusion, monkeypatch, 1040) == []
    assert fusion.hearing("p1") is None
    assert fusion._clock == []


async def test_what_comes_late_keeps_a_post_longer(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    await hear(fusion)
    await tick(fusion, monkeypatch, 31)
    for number in range(5):
        await hear(fusion, number=number, late=True)  # the clock stands where the tick put it
    assert len(fusion._clock) == 1
    await tick(fusion, monkeypatch, 1020)
    assert fusion.hearing("p1") is not None


async def test_a_memory_from_before_there_were_traces_is_read(fusion: Fusion) -> None:
    await hear(fusion)
    kept = fusion.hearing("p1")
    assert kept is not None
    old = msgspec.msgpack.decode(msgspec.msgpack.encode(kept))
    del old["trace"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=PostState).trace == {}
