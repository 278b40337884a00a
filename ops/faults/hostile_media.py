"""Mutated and malicious media through the real sandbox: python -m ops.faults.hostile_media [--files N] [--seed S].

Each file is scanned and decoded as a post's medium. Whatever it does, its own record fails, not the worker: no error
but those of a record, no slot of the sandbox that stays taken, and time, memory and answers within their caps.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from ops.faults.hostile_mutations import MUTATIONS, Seeds
from ops.faults.hostile_seeds import make_seeds
from streams.decode.decoder import Decoder
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

_STUCK_S = 300.0


class Trial(NamedTuple):
    """One hostile file and what became of it."""

    container: str
    mutation: str
    outcome: str
    """decoded, a reason of a dead letter, or the type of another error: a bug, or a worker that ends."""
    seconds: float
    answer_bytes: int


class Figures(NamedTuple):
    """Outcome of a run; `worst_bytes` is the peak of resident memory of any child."""

    trials: list[Trial]
    bugs: dict[str, str]
    """File to the error of the child, for each that is a bug."""
    worker_deaths: int
    stuck_slots: int
    worst_bytes: int


def hostile(seeds: Seeds, seed: int, n_files: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield name of the seed, name of the mutation, and medium; the same for the same seed."""
    names = sorted(seeds)
    for index in range(n_files):
        source = random.Random(f"{seed}-{index}")  # noqa: S311 - reproducible, not secret
        name, mutation = names[index % len(names)], source.choice(MUTATIONS)
        yield name, mutation.__name__, mutation(source, seeds[name], seeds)


async def fuzz(seed: int, n_files: int, keep: Path | None = None) -> Figures:
    """Return the figures of a run.

    Parameters
    ----------
    keep
        Folder for the files that are bugs; none are kept by default.
    """
    settings = MediaSettings()
    seeds = make_seeds()
    trials: list[Trial] = []
    bugs: dict[str, str] = {}
    deaths = 0
    with TemporaryDirectory() as folder:
        async with Decoder(settings) as decoder:
            files = iter(enumerate(hostile(seeds, seed, n_files)))

            async def work(path: Path) -> None:
                nonlocal deaths
                for index, (name, mutation, medium) in files:
                    path.write_bytes(medium)  # noqa: ASYNC240 - a few kilobytes
                    trial, error = await _try(decoder, path, name.rpartition(".")[2], mutation)
                    trials.append(trial)
                    if error is not None:
                        bugs[f"{index}-{mutation}-{name}"] = str(error)[-2_000:]
                        deaths += not isinstance(error, RuntimeError)
                        if keep is not None:
                            (keep / f"{index}-{mutation}-{name}").write_bytes(medium)

            async with asyncio.TaskGroup() as tasks:
                for number in range(settings.decoders):
                    tasks.create_task(work(Path(folder) / str(number)))
            stuck = await _stuck(decoder, Path(folder) / "good", seeds["h264.mp4"])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Figures(trials, bugs, deaths, stuck, peak)


async def _try(decoder: Decoder, path: Path, container: str, mutation: str) -> tuple[Trial, Exception | None]:
    started_s, n_bytes, outcome, unexpected = time.monotonic(), 0, "decoded", None
    try:
        async for n_more in _answers(decoder, path):
            n_bytes += n_more
    except UnprocessableError as error:
        outcome = error.reason
    except Exception as error:  # noqa: BLE001 - counted
        outcome, unexpected = ("bug" if isinstance(error, RuntimeError) else type(error).__name__), error
    return Trial(container, mutation, outcome, time.monotonic() - started_s, n_bytes), unexpected


async def _answers(decoder: Decoder, path: Path) -> AsyncIterator[int]:
    """Yield the number of bytes of each segment."""
    info = await decoder.scan(path)
    async with aclosing(decoder.segments(path, info)) as segments:
        async for segment in segments:
            jpegs = [frame.jpeg for frame in segment.frames] + [tiny.jpeg for tiny in segment.thumbnails]
            yield len(segment.pcm) + sum(map(len, jpegs))


async def _stuck(decoder: Decoder, path: Path, medium: bytes) -> int:
    """Return how many of the sandbox's slots are taken for ever: as many good media as it has must decode at once."""
    path.write_bytes(medium)  # noqa: ASYNC240 - a few kilobytes

    async def good() -> bool:
        return sum([n_bytes async for n_bytes in _answers(decoder, path)]) > 0

    jobs = [asyncio.create_task(good()) for _ in range(decoder.n_children)]
    done, stuck = await asyncio.wait(jobs, timeout=_STUCK_S)
    for job in stuck:
        job.cancel()
    return len(stuck) + sum(job.exception() is not None or not job.result() for job in done)


def figures_json(figures: Figures) -> dict[str, float]:
    """Return the figures that `make faults` writes."""
    return {
        "hostile_files": len(figures.trials),
        "worker_deaths": figures.worker_deaths,
        "bugs": len(figures.bugs),
        "stuck_slots": figures.stuck_slots,
        "worst_s": round(max(trial.seconds for trial in figures.trials), 3),
        "worst_bytes": figures.worst_bytes,
        "worst_answer_bytes": max(trial.answer_bytes for trial in figures.trials),
    }


def passed_media(figures: Figures) -> bool:
    """Return whether every file failed alone: no death of a worker, no bug, no slot taken for ever."""
    return not (figures.worker_deaths or figures.bugs or figures.stuck_slots)


def table(figures: Figures, column: str) -> Table:
    """Return the outcomes by container or by mutation."""
    outcomes = sorted({trial.outcome for trial in figures.trials})
    found = Table(column, "files", *outcomes, "worst s", "worst answer MiB")
    for name in sorted({getattr(trial, column) for trial in figures.trials}):
        row = [trial for trial in figures.trials if getattr(trial, column) == name]
        counts = Counter(trial.outcome for trial in row)
        worst = f"{max(trial.seconds for trial in row):.2f}", f"{max(trial.answer_bytes for trial in row) / 2**20:.1f}"
        found.add_row(name, str(len(row)), *(str(counts[outcome] or "") for outcome in outcomes), *worst)
    return found


def main(
    *,
    files: Annotated[int, typer.Option(help="Number of files.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the mutations.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Existing folder for the files that are bugs.")] = None,
) -> None:
    """Decode hostile media; exit with 1 if a worker would have ended, a slot stayed taken or a child had a bug."""
    figures = asyncio.run(fuzz(seed, files, keep))
    found = figures_json(figures)
    console = Console(width=180)
    for column in ("container", "mutation"):
        console.print(table(figures, column))
    for name, error in figures.bugs.items():
        console.print(f"{name}: {error}", markup=False)
    console.print(found)
    if json_file is not None:
        json_file.write_text(json.dumps(found), encoding="utf-8")
    sys.exit(0 if passed_media(figures) else 1)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
