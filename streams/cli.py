"""The command `jikimi`."""

import asyncio
import logging
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.exceptions import Abort, TyperException

from models.manifest import ModelError
from schemas.codec import WireError
from streams import topic_admin
from streams.errors import UsageError
from streams.logs import configure_logging
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Find copies of a victim's videos and get them taken down."
)
case = typer.Typer(no_args_is_help=True, help="Open, show and withdraw cases.")
feed = typer.Typer(no_args_is_help=True, help="Bring posts in.")
letters = typer.Typer(no_args_is_help=True, help="Show records that stages gave up on, and put them back.")
topics = typer.Typer(no_args_is_help=True, help="Make or verify the topics.")
app.add_typer(case, name="case")
app.add_typer(feed, name="feed")
app.add_typer(topics, name="topics")
app.add_typer(letters, name="dead-letters")

# Into a file or a pipe the tables keep the width they are made for.
console = Console(width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """Run the command; a person's mistake is one line and exit code 2."""
    configure_logging(logging.WARNING)
    try:
        code = app(standalone_mode=False)
    except (UsageError, ModelError) as error:
        code = _refuse(str(error))
    except WireError as error:
        code = _refuse(f"a record there cannot be read: {error}")
    except TyperException as error:  # typer carries its own click: the exceptions of the package click are others
        code = _refuse(error.format_message()) if error.format_message() else 0
    except (Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code or 0)


def _refuse(line: str) -> int:
    print(f"jikimi: {' '.join(line.split())}", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 2


@app.command()
def worker(stages: Annotated[list[str], typer.Argument(help="One stage, several, or all.")]) -> None:
    """Run stages until told to stop."""
    from streams.worker import run_worker  # noqa: PLC0415 - loads every model library

    configure_logging(logging.INFO)
    sys.exit(run_worker(stages, load_settings()))


@app.command()
def demo(
    json: Annotated[Path | None, typer.Option(help="Write the result here too.")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="A Kafka to use instead of the embedded broker.")
    ] = None,
    separate: Annotated[bool, typer.Option(help="Run every stage as its own process.")] = False,
) -> None:
    """Play real copies and other posts through the whole system and show what it finds."""
    from streams.demo.run import run_demo  # noqa: PLC0415 - likewise

    sys.exit(run_demo(console, json_file=json, bootstrap_servers=bootstrap_servers, separate=separate))


@case.command("add")
def case_add(
    name: Annotated[str, typer.Option(help="Pseudonym; never the person's name.")],
    reference: Annotated[
        list[Path] | None, typer.Option(help="A file of the victim's; it stays on this machine.")
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help="A name, handle or title to look for.")] = None,
    phrase: Annotated[list[str] | None, typer.Option(help="A sentence that reposts are announced with.")] = None,
) -> None:
    """Open a case: describe its files here and send the descriptors."""
    from streams.desk.cases import NewCase, add_case  # noqa: PLC0415 - likewise

    print(add_case(load_settings(), NewCase(name, reference or [], term or [], phrase or [])))  # noqa: T201


@case.command("list")
def case_list() -> None:
    """Show the open cases."""
    from streams.desk.show import print_cases  # noqa: PLC0415 - likewise

    asyncio.run(print_cases(load_settings(), console))


@case.command("show")
def case_show(case_id: str) -> None:
    """Show one case: what is looked for and what became of it."""
    from streams.desk.show import print_case  # noqa: PLC0415 - likewise

    asyncio.run(print_case(load_settings(), case_id, console))


@case.command("withdraw")
def case_withdraw(case_id: str) -> None:
    """Erase a case and withdraw its pending takedowns."""
    from streams.desk.cases import withdraw_case  # noqa: PLC0415 - likewise

    print(f"{withdraw_case(load_settings(), case_id)} entries erased")  # noqa: T201


@feed.command("folder")
def feed_folder(
    directory: Path, once: Annotated[bool, typer.Option(help="End when every file there has been told.")] = False
) -> None:
    """Make a post of every media file in a folder, now and as they come."""
    from streams.feeds.folder import follow_folder  # noqa: PLC0415 - likewise
    from streams.feeds.run import run_feed  # noqa: PLC0415 - likewise

    if not directory.is_dir():
        raise UsageError(f"{directory} is no folder")
    asyncio.run(run_feed(load_settings(), follow_folder(directory, once=once), console))


@feed.command("jsonl")
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


Stage = Annotated[str | None, typer.Option(help="Only of this stage.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason.")]


@letters.command("list")
def letters_list(stage: Stage = None, reason: Reason = None) -> None:
    """Show them, oldest first."""
    from streams.desk.dead_letters import chosen, print_dead_letters  # noqa: PLC0415 - likewise

    print_dead_letters(load_settings(), chosen(stage, reason), console)


@letters.command("redrive")
def letters_redrive(stage: Stage = None, reason: Reason = None) -> None:
    """Put the original records back where they were read, once the cause is mended."""
    from streams.desk.dead_letters import chosen, redrive  # noqa: PLC0415 - likewise

    print(f"{redrive(load_settings(), chosen(stage, reason))} records put back")  # noqa: T201


@topics.command("create")
def topics_create(
    replication: Annotated[int | None, typer.Option(help="Copies; the broker's default if not given.")] = None,
) -> None:
    """Make the missing topics and raise settings that are too low; shrinks and deletes nothing."""
    settings = load_settings()
    for line in topic_admin.create(settings.bootstrap_servers, settings.topic_prefix, replication=replication):
        print(line)  # noqa: T201


@topics.command("check")
def topics_check() -> None:
    """Compare the broker's topics with what the system needs; exit code 1 if they fall short."""
    settings = load_settings()
    differences = topic_admin.check(settings.bootstrap_servers, settings.topic_prefix)
    for line in differences or ["all topics are as declared"]:
        print(line)  # noqa: T201
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
