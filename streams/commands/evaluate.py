"""`jikimi evaluate`: how well copies are found, offline, with the very code of the stages."""

import os
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.console import console
from streams.errors import UsageError
from streams.settings import load_settings

app = typer.Typer(help="Measure on a set of copies how well they are found; needs no Kafka.")


@app.callback(invoke_without_command=True)
def evaluate(  # noqa: PLR0917 - a command's options
    context: typer.Context,
    manifest: Annotated[Path | None, typer.Option(help="The set, as make-set writes it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page and its figures.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where the figures go; beside the page by default.")] = None,
    with_: Annotated[
        str, typer.Option("--with", help="Models beside the defaults, as in visual=NAME@VERSION,fusion=NAME.")
    ] = "",
    cache: Annotated[Path | None, typer.Option(help="Keep descriptors here, so that the next run is short.")] = None,
) -> None:
    """Describe references and uploads of a set, search, judge, and compare with what is expected."""
    if context.invoked_subcommand is not None:
        return
    if manifest is None or out is None:
        raise UsageError("name the set and a folder: jikimi evaluate --manifest SET/set.json --out DIR")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
    from streams.evaluation.evaluate import Asked, run_evaluation  # noqa: PLC0415 - loads every model library

    run_evaluation(load_settings(), Asked(manifest, out, json, with_, cache), console)


@app.command("make-set")
def evaluate_make_set(  # noqa: PLR0917 - likewise
    videos: Annotated[Path, typer.Option(help="Folder of videos to cut clips from.")],
    out: Annotated[Path, typer.Option(help="Folder for the set.")],
    music: Annotated[Path | None, typer.Option(help="Folder of music to lay over sound.")] = None,
    speech: Annotated[Path | None, typer.Option(help="Folder of speech, likewise.")] = None,
    references: Annotated[int, typer.Option(help="How many clips are looked for.", min=1)] = 40,
    copies: Annotated[int, typer.Option(help="Copies by each edit.", min=0)] = 10,
    pairs: Annotated[int, typer.Option(help="Copies by two edits.", min=0)] = 120,
    unrelated: Annotated[int, typer.Option(help="Uploads that copy nothing.", min=0)] = 40,
    background: Annotated[int, typer.Option(help="Harmless clips that are known as such.", min=0)] = 6,
    seconds: Annotated[float, typer.Option(help="Length of a reference, give or take 15 %.", min=4)] = 14.0,
    hold_out: Annotated[float, typer.Option(help="Share of the videos for what is no copy.", min=0.05, max=0.95)] = 0.5,
    seed: Annotated[int, typer.Option(help="The same seed makes the same set.")] = 0,
    edit: Annotated[list[str] | None, typer.Option(help="An edit to use; all by default.")] = None,
    processes: Annotated[int, typer.Option(help="Copies made at once.", min=1)] = 2,
) -> None:
    """Make a set: clips cut from videos, copies of them by every edit and by pairs, and uploads that are none."""
    from streams.evaluation.make_set import SetPlan, Sources, make_set  # noqa: PLC0415 - loads numpy and FFmpeg

    sizes = (references, copies, pairs, unrelated, background)
    plan = SetPlan(*sizes, seconds, hold_out, seed, *([tuple(edit)] if edit else []))
    made = make_set(Sources(videos, music, speech), out, plan, processes)
    n_copies = sum(query.expect is not None for query in made.queries)
    told = f"{len(made.references)} references, {n_copies} copies, {len(made.queries) - n_copies} other posts"
    console.print(f"{told}: {out / 'set.json'}", soft_wrap=True)
