"""One part of the live choice: loaded beside the one in use, and swapped in."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from models.manifest import Kind, ModelError
from schemas.messages import Choice, Policy
from streams.live_models.live import LivePart
from tests.support.deadline import DEADLINE_S

A, B, C = (Choice(visual=f"{name}@1", audio="x@1", text="x@1", fusion="x@1") for name in "abc")


class Loader:
    """Loader of names: broken ones fail, and the gate delays it."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.loaded: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, choice: Choice) -> str:
        assert self.gate.wait(DEADLINE_S)
        if choice.visual in self.broken:
            raise ModelError(f"{choice.visual} cannot be loaded")
        self.loaded.append(choice.visual)
        return choice.visual


async def updated(loader: Callable[[Choice], str], *updates: list[Choice]) -> LivePart[str]:
    live_part = LivePart("visual", loader, A)
    for newest_first in updates:
        await live_part.update(newest_first)
    return live_part


def behind(part: Kind = "visual") -> float | None:
    return REGISTRY.get_sample_value("jikimi_model_behind", {"modality": part})


def test_the_model_of_the_settings_must_load() -> None:
    with pytest.raises(ModelError, match="a@1"):
        LivePart("visual", Loader("a@1"), A)


async def test_no_record_begins_before_the_deployments_are_read() -> None:
    live_part = LivePart("visual", Loader(), A)
    current = asyncio.create_task(live_part.current())
    await asyncio.sleep(0.05)
    assert not current.done()
    await live_part.update([B, A])
    assert await current == "b@1"


async def test_the_old_model_is_in_use_while_the_new_one_is_loaded() -> None:
    loader = Loader()
    live_part = await updated(loader, [A])
    loader.gate.clear()
    update = asyncio.create_task(live_part.update([B, A]))
    await asyncio.sleep(0.05)
    assert await live_part.current() == "a@1"
    loader.gate.set()
    await update
    assert await live_part.current() == "b@1"


async def test_a_model_that_cannot_be_loaded_is_logged_as_an_error_and_retried() -> None:
    loader = Loader("b@1")
    live_part = await updated(loader, [A])
    with capture_logs() as logs:
        await live_part.update([B, A])
    assert await live_part.current() == "a@1"
    assert [(line["log_level"], line["model"], line["in_use"]) for line in logs] == [("error", "b@1", "a@1")]
    assert behind() == 1
    loader.broken.clear()
    await live_part.update([B, A])
    assert await live_part.current() == "b@1"
    assert behind() == 0


async def test_any_load_error_leaves_the_old_model_in_use() -> None:
    def load(choice: Choice) -> str:
        if choice is B:
            raise MemoryError
        return choice.visual

    assert await (await updated(load, [A], [B, A])).current() == "a@1"


async def test_a_start_with_a_model_that_cannot_be_loaded_uses_the_newest_that_can() -> None:
    assert await (await updated(Loader("c@1"), [C, B, A])).current() == "b@1"
    assert behind() == 1


async def test_the_model_in_use_is_not_loaded_again() -> None:
    loader = Loader()
    await updated(loader, [A], [B, A], [B, A], [A, B, A])
    assert loader.loaded == ["a@1", "b@1", "a@1"]


async def test_fusion_and_policy_go_together() -> None:
    policy = Policy(act=0.97, review=0.6, version="p")
    other = Choice(visual="a@1", audio="x@1", text="x@1", fusion="x@1", policy=policy)
    fusion, visual = (LivePart[Choice](part, lambda choice: choice, A) for part in ("fusion", "visual"))
    for live_part in (fusion, visual):
        await live_part.update([A])
        await live_part.update([other, A])
    assert (await fusion.current()).policy == policy
    assert (await visual.current()).policy is None
