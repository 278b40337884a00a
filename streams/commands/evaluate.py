"""`jikimi evaluate`: detection quality, measured offline with the code of the stages."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from streams.commands.console import console
from streams.commands.needs import needs
from streams.errors import UsageError
from streams.settings import load_settings

app = typer.Typer(help="Measure detection quality on a set of copies; needs no Kafka.")


def _folder(contents: str) -> OptionInfo:
    """Return an option for a folder that is there."""
    option: OptionInfo = typer.Option(metavar="FOLDER", help=contents, exists=True, file_okay=False)
    return option


@app.callback(invoke_without_command=True)
@needs(None)
def evaluate(  # noqa: PLR0917 - the options of the command
    context: typer.Context,
    manifest: Annotated[Path | None, typer.Option(metavar="FILE", help="The set, as make-set writes it.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder for the page and its figures.")] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File for the figures; beside the page by default.")
    ] = None,
    with_: Annotated[
        str,
        typer.Option(
            "--with", metavar="CHANGES", help="Models beside the defaults, such as visual=NAME@VERSION,fusion=NAME."
        ),
    ] = "",
    cache: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder that keeps the descriptors for the next run.")
    ] = None,
    *,
    looks: Annotated[
        bool, typer.Option("--looks/--no-looks", help="Look again where there is perhaps a copy, as the stages do.")
    ] = True,
) -> None:
    """Describe the references and uploads of a set, search, decide, and compare with the expected results."""
    if context.invoked_subcommand is not None:
        return
    if manifest is None or out is None:
        raise UsageError("name the set and a folder: jikimi evaluate --manifest SET/set.json --out DIR")
    from streams.evaluation.evaluate import Options, run_evaluation  # noqa: PLC0415 - loads every model library

    run_evaluation(load_settings(), Options(manifest, out, json, with_, cache, looks), console)


@app.command("words")
@needs(None)
def evaluate_words(
    innocent: Annotated[Path | None, _folder("One folder a language (en, ko, ...) of .html and .mo files.")] = None,
    most: Annotated[int, typer.Option(help="Innocent texts searched in each language.", min=1)] = 10_000,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="File for the figures.")] = None,
) -> None:
    """Measure how many names are found in texts of eleven languages, and how many ordinary texts are reviewed."""
    import msgspec  # noqa: PLC0415 - loaded where it is used

    from streams.evaluation.words import measure_words, print_words  # noqa: PLC0415 - likewise

    figures = measure_words(innocent, most)
    print_words(figures, console)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


@app.command("make-set")
@needs(None)
def evaluate_make_set(  # noqa: PLR0917 - likewise
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the set.")],
    videos: Annotated[Path | None, _folder("Folder of videos to cut clips from.")] = None,
    music: Annotated[Path | None, _folder("Folder of music to mix into sound.")] = None,
    speech: Annotated[Path | None, _folder("Folder of speech to mix into sound.")] = None,
    photographs: Annotated[Path | None, _folder("Folder of photographs to use as rooms.")] = None,
    references: Annotated[int, typer.Option(help="Number of reference clips cut from videos.", min=0)] = 40,
    copies: Annotated[int, typer.Option(help="Copies by each edit.", min=0)] = 10,
    pairs: Annotated[int, typer.Option(help="Copies by two edits.", min=0)] = 120,
    unrelated: Annotated[int, typer.Option(help="Uploads that copy nothing.", min=0)] = 40,
    background: Annotated[int, typer.Option(help="Clips of an allow-list.", min=0)] = 6,
    rooms: Annotated[int, typer.Option(help="Rooms to render, each with a fixed camera.", min=0)] = 0,
    recordings: Annotated[int, typer.Option(help="Recordings of each room, half of them references.", min=1)] = 3,
    look_alikes: Annotated[
        int, typer.Option(help="Uploads of other parts of the references' sources, which copy nothing.", min=0)
    ] = 0,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Length of a reference.", min=4)] = 14.0,
    spread: Annotated[
        float, typer.Option(metavar="SHARE", help="Share by which lengths differ at most.", min=0, max=0.9)
    ] = 0.15,
    long_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the clips that last 60 s.", min=0, max=1)
    ] = 0.0,
    height: Annotated[int, typer.Option(help="Height of most clips cut from videos, pixels.", min=90)] = 360,
    music_under: Annotated[bool, typer.Option(help="Music as the sound of silent videos.")] = True,
    hold_out: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Share of the videos for uploads that are not copies.", min=0.05, max=0.95),
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed; the same one makes the same set.")] = 0,
    edit: Annotated[
        list[str] | None, typer.Option(metavar="EDIT", help="An edit to use, may be repeated; all by default.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Copies made in parallel.", min=1)] = 2,
) -> None:
    """Make a set: clips cut from videos or rendered, copies of them by edits and pairs of edits, and other uploads."""
    from streams.evaluation.make_set import make_set  # noqa: PLC0415 - loads numpy and FFmpeg
    from streams.evaluation.set_plan import SetPlan, Sources  # noqa: PLC0415 - likewise

    sizes = (references, copies, pairs, unrelated, background)
    plan = SetPlan(*sizes, seconds, hold_out, seed, spread=spread, long_share=long_share, height=height)
    plan = replace(plan, rooms=rooms, recordings=recordings, look_alikes=look_alikes, music_under=music_under)
    plan = replace(plan, edits=tuple(edit) if edit else plan.edits)
    made = make_set(Sources(videos, music, speech, photographs), out, plan, processes)
    n_copies = sum(query.expect is not None for query in made.queries)
    summary = f"{len(made.references)} references, {n_copies} copies, {len(made.queries) - n_copies} other posts"
    console.print(f"{summary}: {out / 'set.json'}", soft_wrap=True)
