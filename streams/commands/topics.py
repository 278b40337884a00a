"""`jikimi topics`: creation and check of the topics."""

import sys
from typing import Annotated

import typer

from streams.commands.needs import needs
from streams.errors import UsageError
from streams.kafka import topic_admin
from streams.kafka.split_group import split_group
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Create or check the topics.")


@app.command("create")
@needs("operate")
def topics_create(
    replication: Annotated[
        int | None, typer.Option(help="Replicas of each partition; the broker's default if not given.")
    ] = None,
    partitions: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC=N", help="Another number than declared; grows a topic that allows it."),
    ] = None,
) -> None:
    """Create missing topics and raise settings that are too low; shrinks and deletes nothing."""
    numbers = dict(map(_topic_partitions, partitions or []))
    for line in topic_admin.create(load_settings(), replication=replication, partitions=numbers):
        print(line)  # noqa: T201


@app.command("check")
@needs("check")
def topics_check() -> None:
    """Compare the broker's topics with what the system needs; exit code 1 if they fall short."""
    settings = load_settings()
    differences = topic_admin.check(settings)
    for line in differences or ["all topics are as declared"]:
        print(line)  # noqa: T201
    sys.exit(1 if differences else 0)


@app.command("split-group")
@needs("operate")
def topics_split_group(old: Annotated[str, typer.Argument(help="Its name, as jikimi-all.")]) -> None:
    """Copy the offsets of a group that stages shared to one group a stage; stop their workers first."""
    for line in split_group(load_settings(), old):
        print(line)  # noqa: T201


def _topic_partitions(option: str) -> tuple[str, int]:
    topic, _, number = option.partition("=")
    if not (number.isascii() and number.isdigit() and int(number)):
        raise UsageError(f"--partitions {option}: expected TOPIC=N, such as posts=32")
    return topic, int(number)
