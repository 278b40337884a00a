"""`jikimi feed`: bringing posts in."""

import asyncio
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import uuid4

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
    folder = directory.resolve()
    asyncio.run(run_feed(load_settings(), f"folder/{folder}", partial(follow_folder, folder, once=once), console))


@app.command("jsonl")
def feed_jsonl(file: str) -> None:
    """Make a post of every line of a file, from where it was left; - reads standard input."""
    from streams.feeds.jsonl import read_jsonl  # noqa: PLC0415 - likewise
    from streams.feeds.run import run_feed  # noqa: PLC0415 - likewise

    try:
        lines = nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    # Several pipes may be fed at once: none of them goes on where another ended.
    name = f"jsonl/{uuid4()}" if file == "-" else f"jsonl/{Path(file).resolve()}"
    with lines as stream:
        asyncio.run(run_feed(load_settings(), name, partial(read_jsonl, stream, file), console))
