"""Media seconds a second that a GPU describes, beside all CPUs of the same machine: pictures, sound and text.

Decoding is not among them: frames and sounds are described as the stages do it, from JPEG and samples on. The CPUs run
one record each; the GPU takes pictures of several records in one run, which all CPUs prepare.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import onnxruntime

from models.session import CUDA
from ops.bench.first_pass.__main__ import records_of
from ops.bench.first_pass.files import demonstration, make
from ops.bench.peers.peer import duration_s
from ops.bench.suite.models import describe, load_models
from ops.bench.suite.section import Figures, Run, not_measured
from schemas.messages import Frames
from streams.describe.batcher import Batcher
from streams.describe.visual import described, prepare
from streams.evaluation.described import Models

_FILES = 4
_ROUNDS, _FULL_ROUNDS = 20, 100
_WAITING = 4
"""Records under way for each CPU."""
_CPUS = os.cpu_count() or 1


def measure(run: Run) -> Figures:
    """Return the rates and their ratio."""
    if CUDA not in onnxruntime.get_available_providers():
        return {"media_s_per_s": not_measured("ONNX Runtime has no GPU here")}
    run.note("files")
    files = [file for made in make(run.folder / "media", demonstration(), _FILES, run.seed).values() for file in made]
    records = [record for file in files for record in records_of(file)]
    media_s = sum(duration_s(file) for file in files)
    run.note("GPU")
    gpu_s = seconds(load_models(CUDA), records * run.size(_ROUNDS, _FULL_ROUNDS), joined=True)
    run.note("CPUs")
    cpu_s = seconds(load_models(), records, joined=False) * run.size(_ROUNDS, _FULL_ROUNDS)
    media_s *= run.size(_ROUNDS, _FULL_ROUNDS)
    return {
        "media_s_per_s": round(media_s / gpu_s, 1),
        "cpu_media_s_per_s": round(media_s / cpu_s, 1),
        "cpus": _CPUS,
        "ratio": round(cpu_s / gpu_s, 1),
    }


def seconds(models: Models, records: Sequence[object], *, joined: bool) -> float:
    """Return how long all CPUs take to describe these records, after one of each kind that is not counted.

    Parameters
    ----------
    joined
        Whether pictures of several records are joined into one run, as on a GPU.
    """
    with ThreadPoolExecutor(_CPUS) as pool:
        all_of = partial(_all, models, pool, joined=joined)
        asyncio.run(all_of([*{type(record): record for record in records}.values()]))
        began_s = time.perf_counter()
        asyncio.run(all_of(records))
        return time.perf_counter() - began_s


async def _all(models: Models, pool: ThreadPoolExecutor, records: Sequence[object], *, joined: bool) -> None:
    in_pool = partial(asyncio.get_running_loop().run_in_executor, pool)
    batcher, free = Batcher(models.visual.embed, 2 * models.visual.batch_rows), asyncio.Semaphore(_WAITING * _CPUS)

    async def one(record: object) -> None:
        async with free:
            if not joined or not isinstance(record, Frames):
                await in_pool(partial(describe, models, record))
            elif len((prepared := await in_pool(partial(prepare, models.visual, record))).pixels):
                described(models.visual, record, prepared, await batcher.submit(prepared.pixels))

    await asyncio.gather(*map(one, records))
