"""Children share one budget of memory: further jobs wait, outside their records' deadlines."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from streams.decode.decoder import Decoder
from streams.decode.sandbox import memory
from streams.decode.sandbox.sandbox import Sandbox
from streams.decode.settings import MediaSettings
from streams.engine.waiting import Deadline, deadline_of_record
from streams.telemetry import metrics
from tests.support.deadline import DEADLINE_S

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("membership", "files", "limits"),
    [
        ("0::/\n", {"memory.max": "1000\n"}, [1000]),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "500\n"}, [500]),
        ("9:memory:/docker/x\n", {"memory/memory.limit_in_bytes": "700\n"}, [700]),
        ("", {}, []),
    ],
)
def test_the_limits_of_control_groups(
    tmp_path: Path, membership: str, files: dict[str, str], limits: list[int]
) -> None:
    (tmp_path / "membership").write_text(membership)
    for name, content in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(content)
    assert set(memory._limits(tmp_path / "membership", tmp_path / "root")) == set(limits)


def test_the_default_budget_leaves_memory_to_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_limits", lambda *_: iter([400, 800]))
    assert memory.default_budget() == 300
    monkeypatch.setattr(memory, "_limits", lambda *_: iter(()))
    assert 0 < memory.default_budget() < memory._machine()


@pytest.mark.parametrize(("budget", "most", "expected"), [(0, 16, 1), (99, 16, 1), (350, 16, 3), (9_999, 16, 16)])
def test_as_many_children_as_fit_run_at_once(budget: int, most: int, expected: int) -> None:
    assert memory.most_children(budget, 100, most) == expected


def test_the_decoder_keeps_to_the_budget() -> None:
    settings = MediaSettings(decoders_memory_bytes=3 * 1536 * MIB)
    assert Decoder(settings)._sandbox._slots._value == 3


async def test_a_job_waits_for_memory_outside_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    reserved = metrics.SANDBOX_MEMORY_BYTES.labels("reserved")._value
    before = reserved.get()
    async with Sandbox("misbehaving:work", n_children=1, n_working=1, memory_bytes=512 * MIB) as sandbox:
        first = sandbox.run(b"flow", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)
        await anext(first)

        async def second() -> list[bytes]:
            deadline = Deadline(DEADLINE_S)
            deadline_of_record.set(deadline)
            run = sandbox.run(b"count 1", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)
            async with deadline.running() as timer, aclosing(run):
                timers.append(timer)
                return [answer async for answer in run]

        timers: list[asyncio.Timeout] = []
        waiting = asyncio.create_task(second())
        while not timers or timers[0].when() is not None:  # noqa: ASYNC110 - a timer has no event
            await asyncio.sleep(0)
        assert reserved.get() - before == 512 * MIB
        await first.aclose()
        assert await waiting == [b"good", b"0"]
        assert timers[0].when() is not None
        assert reserved.get() - before == 512 * MIB
    assert reserved.get() == before
