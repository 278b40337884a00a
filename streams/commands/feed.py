"""`jikimi feed`: bringing posts in."""

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.console import console
from streams.errors import UsageError
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Bring posts in.")


@app.command("folder")
def feed_folder(
    directory: Path, once: Annotated[bool, typer.Option(help="End when every file there has been told.")] = False
) -> None:
    """Make a post of every media file in a folder, now and as they come."""
    from streams.feeds.folder import follow_folder  # noqa: PLC0415 - likewise
    from streams.feeds.run import run_feed  # noqa: PLC0415 - likewise

    if not directory.is_dir():
        raise UsageError(f"{directory} is no folder")
    asyncio.run(run_feed(load_settings(), follow_folder(directory, once=once), console))


@app.command("jsonl")
def feed_jsonl(file: str) -> None:
    """Make a post of every line of a file; - reads standard input."""
    from streams.feeds.jsonl import read_jsonl  # noqa: PLC0415 - likewise
    from streams.feeds.run import run_feed  # noqa: PLC0415 - likewise

    try:
        lines = nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    with lines as stream:
        asyncio.run(run_feed(load_settings(), read_jsonl(stream, file), console))
