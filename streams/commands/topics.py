"""`jikimi topics`: making and verifying the topics."""

import sys
from typing import Annotated

import typer

from streams.errors import UsageError
from streams.kafka import topic_admin
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Make or verify the topics.")


@app.command("create")
def topics_create(
    replication: Annotated[int | None, typer.Option(help="Copies; the broker's default if not given.")] = None,
    partitions: Annotated[
        list[str] | None, typer.Option(metavar="TOPIC=N", help="Another number than declared; grows a topic that may.")
    ] = None,
) -> None:
    """Make the missing topics and raise settings that are too low; shrinks and deletes nothing."""
    asked = dict(map(_numbered, partitions or []))
    for line in topic_admin.create(load_settings(), replication=replication, partitions=asked):
        print(line)  # noqa: T201


@app.command("check")
def topics_check() -> None:
    """Compare the broker's topics with what the system needs; exit code 1 if they fall short."""
    settings = load_settings()
    differences = topic_admin.check(settings)
    for line in differences or ["all topics are as declared"]:
        print(line)  # noqa: T201
    sys.exit(1 if differences else 0)


def _numbered(asked: str) -> tuple[str, int]:
    topic, _, number = asked.partition("=")
    if not (number.isascii() and number.isdigit() and int(number)):
        raise UsageError(f"--partitions {asked}: say it as posts=32")
    return topic, int(number)
