"""Memory of a bench's own process, and stand-ins for what a stage needs and a bench without a broker does not have."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


def anonymous_bytes() -> int:
    """Return the anonymous memory of this process: what it allocated, without the pages of files."""
    lines = Path("/proc/self/smaps_rollup").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def one_thread() -> None:
    """Let the processes started from here on have one thread in a matrix product, as the command has."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def alone[Result, **Given](work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Return what a function returns in a fresh process with one thread in a matrix product, as the command has."""
    one_thread()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given, **named).result()


async def nothing() -> None:
    """Return at once, where a stage would wait for the broker."""


def fail(error: Exception) -> NoReturn:
    """Raise the error on which a stage would stop its worker."""
    raise error
