"""One part of the live choice: loaded beside the one at work, and swapped in."""

import asyncio
import threading

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from models.manifest import Kind, ModelError
from schemas.messages import Choice, Policy
from streams.live_models.live import Chosen

A, B, C = (Choice(visual=f"{name}@1", audio="x@1", text="x@1", fusion="x@1") for name in "abc")


class Loader:
    """Loads names; those that are broken fail, and it can be held up."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.loaded: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, choice: Choice) -> str:
        assert self.gate.wait(10)
        if choice.visual in self.broken:
            raise ModelError(f"{choice.visual} cannot be had")
        self.loaded.append(choice.visual)
        return choice.visual


def behind(part: Kind = "visual") -> float | None:
    return REGISTRY.get_sample_value("jikimi_model_behind", {"modality": part})


def test_what_the_settings_name_must_be_there() -> None:
    with pytest.raises(ModelError, match="a@1"):
        Chosen("visual", Loader("a@1"), A)


async def test_nothing_is_begun_before_it_is_known_what_is_live() -> None:
    chosen = Chosen("visual", Loader(), A)
    asked = asyncio.create_task(chosen.current())
    await asyncio.sleep(0.05)
    assert not asked.done()
    await chosen.take([B, A])
    assert await asked == "b@1"


async def test_while_the_new_one_is_loaded_the_old_one_works() -> None:
    loader = Loader()
    chosen = Chosen("visual", loader, A)
    await chosen.take([A])
    loader.gate.clear()
    taking = asyncio.create_task(chosen.take([B, A]))
    await asyncio.sleep(0.05)
    assert await chosen.current() == "a@1"
    loader.gate.set()
    await taking
    assert await chosen.current() == "b@1"


async def test_one_that_cannot_be_loaded_is_told_loudly_and_tried_again() -> None:
    loader = Loader("b@1")
    chosen = Chosen("visual", loader, A)
    await chosen.take([A])
    with capture_logs() as logs:
        await chosen.take([B, A])
    assert await chosen.current() == "a@1"
    assert [(line["log_level"], line["model"], line["at_work"]) for line in logs] == [("error", "b@1", "a@1")]
    assert behind() == 1
    loader.broken.clear()
    await chosen.take([B, A])
    assert await chosen.current() == "b@1"
    assert behind() == 0


async def test_any_failure_of_loading_leaves_the_old_one() -> None:
    def load(choice: Choice) -> str:
        if choice is B:
            raise MemoryError
        return choice.visual

    chosen = Chosen("visual", load, A)
    await chosen.take([A])
    await chosen.take([B, A])
    assert await chosen.current() == "a@1"


async def test_a_start_with_one_that_cannot_be_loaded_takes_the_newest_that_can() -> None:
    chosen = Chosen("visual", Loader("c@1"), A)
    await chosen.take([C, B, A])
    assert await chosen.current() == "b@1"
    assert behind() == 1


async def test_what_is_at_work_already_is_not_loaded_again() -> None:
    loader = Loader()
    chosen = Chosen("visual", loader, A)
    for newest_first in ([A], [B, A], [B, A], [A, B, A]):
        await chosen.take(newest_first)
    assert loader.loaded == ["a@1", "b@1", "a@1"]


async def test_fusion_and_policy_go_together() -> None:
    policy = Policy(act=0.97, review=0.6, version="p")
    other = Choice(visual="a@1", audio="x@1", text="x@1", fusion="x@1", policy=policy)
    fusion, visual = (Chosen[Choice](part, lambda choice: choice, A) for part in ("fusion", "visual"))
    for chosen in (fusion, visual):
        await chosen.take([A])
        await chosen.take([other, A])
    assert (await fusion.current()).policy == policy
    assert (await visual.current()).policy is None
