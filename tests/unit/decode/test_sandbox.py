import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from streams.decode.decoder import Decoder
from streams.decode.media.decoded import MediaInfo
from streams.decode.sandbox import child
from streams.decode.sandbox.sandbox import Sandbox
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from tests.support.deadline import DEADLINE_S
from tests.unit.decode.made import image, moving, scene, tone, video

MEMORY_BYTES = 512 * 1024 * 1024


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    async with Sandbox("misbehaving:work", n_children=1, n_working=1, memory_bytes=MEMORY_BYTES) as sandbox:
        yield sandbox


async def answers(
    sandbox: Sandbox, job: str, timeout_s: float = DEADLINE_S, job_timeout_s: float = DEADLINE_S
) -> list[bytes]:
    run = sandbox.run(job.encode(), answer_timeout_s=timeout_s, job_timeout_s=job_timeout_s)
    async with aclosing(run):
        return [answer async for answer in run][1:]


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("hang", "media_decode_timeout"),
        ("allocate", "media_decode_memory"),
        ("segfault", "media_decode_crash"),
        ("exit", "media_decode_crash"),
        ("oversized", "media_decode_crash"),
        ("refuse media_too_long", "media_too_long"),
        ("refuse a_reason_of_its_own", "media_decode_crash"),
    ],
)
async def test_a_misbehaving_child_fails_only_its_own_job(sandbox: Sandbox, job: str, reason: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        await answers(sandbox, job, timeout_s=1.0 if job == "hang" else DEADLINE_S)
    assert refused.value.reason == reason
    assert await answers(sandbox, "count 3") == [b"0", b"1", b"2"]


async def test_a_child_that_the_kernel_kills_exceeded_the_memory(sandbox: Sandbox) -> None:
    async with aclosing(sandbox.run(b"pid", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)) as run:
        pid = int([answer async for answer in run][1])
    run = sandbox.run(b"hang", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)
    async with aclosing(run):
        await anext(run)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(UnprocessableError) as refused:
            await anext(run)
    assert refused.value.reason == "media_decode_memory"


async def test_answers_before_the_misbehaviour_are_kept(sandbox: Sandbox) -> None:
    async with aclosing(sandbox.run(b"segfault", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)) as run:
        assert await anext(run) == b"good"
        with pytest.raises(UnprocessableError):
            await anext(run)


async def test_a_bug_in_a_child_is_a_bug_here(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'a bug'"):
        await answers(sandbox, "raise")
    assert await answers(sandbox, "count 1") == [b"0"]


async def test_output_of_a_library_on_stdout_is_no_answer(sandbox: Sandbox) -> None:
    assert await answers(sandbox, "print") == [b"after printing"]


async def test_all_answers_together_have_a_time_limit(sandbox: Sandbox) -> None:
    with pytest.raises(UnprocessableError) as refused:
        await answers(sandbox, "tick", job_timeout_s=0.5)
    assert refused.value.reason == "media_decode_timeout"


async def test_a_child_is_reused_after_a_good_job(sandbox: Sandbox) -> None:
    assert await answers(sandbox, "pid") == await answers(sandbox, "pid")


async def test_a_child_is_replaced_after_its_last_job(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MAX_JOBS", 2)
    first, second, third = [await answers(sandbox, "pid") for _ in range(3)]
    assert first == second != third


async def test_an_abandoned_job_does_not_affect_the_next(sandbox: Sandbox) -> None:
    async with aclosing(sandbox.run(b"flow", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)) as run:
        await anext(run)
    assert await answers(sandbox, "count 2") == [b"0", b"1"]


async def test_a_slow_caller_exerts_back_pressure_on_the_child(sandbox: Sandbox) -> None:
    async with aclosing(sandbox.run(b"flow", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)) as run:
        await anext(run)
        before = _resident_bytes()
        await asyncio.sleep(0.5)  # the child could send hundreds of megabytes meanwhile
        assert _resident_bytes() < before + 32 * 1024 * 1024


async def test_a_child_inherits_nothing_of_our_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (environment,) = await answers(sandbox, "environment")
    assert b"secret" not in environment


async def test_several_jobs_run_concurrently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    async with Sandbox("misbehaving:work", n_children=3, n_working=2, memory_bytes=MEMORY_BYTES) as sandbox:
        outcomes = await asyncio.gather(
            answers(sandbox, "hang", timeout_s=5),
            *(answers(sandbox, job) for job in ("segfault", *["count 20"] * 6)),
            return_exceptions=True,
        )
    assert [isinstance(outcome, UnprocessableError) for outcome in outcomes] == [True, True] + [False] * 6


async def test_an_open_job_that_is_not_consumed_does_not_delay_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    async with (
        Sandbox("misbehaving:work", n_children=2, n_working=1, memory_bytes=MEMORY_BYTES) as sandbox,
        aclosing(sandbox.run(b"flow", answer_timeout_s=DEADLINE_S, job_timeout_s=DEADLINE_S)) as film,
    ):
        await anext(film)
        assert await answers(sandbox, "count 2") == [b"0", b"1"]
        assert len(await anext(film)) == 1024 * 1024


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    async with Decoder(MediaSettings()) as decoder:
        yield decoder


async def test_a_file_is_decoded_in_the_sandbox(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(50), sound=tone(5))
    async with Decoder(MediaSettings(frames_per_second=1, longest_gap_s=0, few_frames=1)) as decoder:
        (segment,) = [segment async for segment in decoder.segments(path, await decoder.scan(path))]
    assert (len(segment.frames), len(segment.pcm)) == (5, 5 * 8000 * 2)


@pytest.mark.parametrize(("codec", "pixel_format"), [("libx264", "yuv420p"), ("libx265", "yuv420p10le")])
async def test_4k_video_fits_into_a_child(decoder: Decoder, tmp_path: Path, codec: str, pixel_format: str) -> None:
    frames = [scene(index // 4, 8 * index, 3840, 2160) for index in range(12)]
    options = {"preset": "ultrafast", "refs": "4"}
    path = video(tmp_path / "a.mp4", frames, codec=codec, pixel_format=pixel_format, options=options, fps=4)
    (segment,) = [segment async for segment in decoder.segments(path, await decoder.scan(path))]
    assert len(segment.frames) >= 3


@pytest.mark.parametrize("duration_s", [math.inf, math.nan, -1.0, 1e12])
async def test_an_impossible_duration_from_a_compromised_child_is_refused(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration_s: float
) -> None:
    async def run(*_: object, **__: object) -> AsyncIterator[bytes]:
        yield msgspec.msgpack.encode(MediaInfo(kind="video", duration_s=duration_s))

    monkeypatch.setattr(decoder._sandbox, "run", run)
    with pytest.raises(UnprocessableError, match="impossible duration") as refused:
        await decoder.scan(image(tmp_path / "a.png"))
    assert refused.value.reason == "media_decode_crash"


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
