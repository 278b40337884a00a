"""Proof by force: python -m ops.faults [--json FILE] [--seed N] [--kills N] [--files N] [--long]."""

import asyncio
import math
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from ops.faults.catalogue import FAULTS, OTHERS
from ops.faults.hostile_media import figures_json, fuzz, passed_media, table
from ops.faults.outcome import Outcome, passed
from ops.faults.plan import make_plan
from ops.faults.report import print_table, write_json
from ops.faults.run import run
from ops.java import UnavailableError
from streams.errors import UsageError

_KILLS, _LONG_KILLS, _LONG_ROUNDS = 20, 200, 3
_FILES, _LONG_FILES = 500, 20_000


def main(
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the plan and of the feed.")] = 1,
    kills: Annotated[int | None, typer.Option(help="Kills; 20 by default, 200 with --long.")] = None,
    files: Annotated[
        int | None, typer.Option(help="Hostile media, 0 for none; 500 by default, 20,000 with --long.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="The full size: each other fault three times.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Other faults, all by default; `none` for kills alone.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="After this time no further fault begins.")] = math.inf,
    skip: Annotated[int, typer.Option(help="Faults of the plan that an earlier run has done.", min=0)] = 0,
    every: Annotated[int, typer.Option(help="Faults between two comparisons.", min=1)] = 25,
    folder: Annotated[Path | None, typer.Option(help="Keep logs and data here.")] = None,
) -> None:
    """Do the faults; exit with 1 if anything was lost, doubled, wrong or set aside, or a hostile file did harm."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that brokers and workers end with it
    others = tuple(OTHERS) if not only else tuple(kind for kind in only if kind != "none")
    if unknown := set(others) - set(FAULTS):
        raise typer.BadParameter(f"no fault {unknown.pop()!r}: there are {', '.join(FAULTS)}")
    n_kills = kills if kills is not None else _LONG_KILLS if long else _KILLS
    plan = make_plan(seed, n_kills, others, _LONG_ROUNDS if long else 1)[skip:]
    try:
        for outcome in run(plan, seed, folder=folder, minutes=minutes, every=every):
            if json_file is not None:
                write_json(outcome, None, json_file, seed)
    except (UnavailableError, UsageError, KafkaException, RuntimeError, TimeoutError) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    console = Console()
    print_table(outcome, console)
    n_files = files if files is not None else _LONG_FILES if long else _FILES
    is_harmless = _hostile(outcome, seed, n_files, json_file, console) if n_files else True
    sys.exit(0 if passed(outcome) and is_harmless else 1)


def _hostile(outcome: Outcome, seed: int, n_files: int, json_file: Path | None, console: Console) -> bool:
    hostile = asyncio.run(fuzz(seed, n_files))
    console.print(table(hostile, "container"), figures_json(hostile))
    if json_file is not None:
        write_json(outcome, figures_json(hostile), json_file, seed)
    return passed_media(hostile)


if __name__ == "__main__":
    typer.run(main)
