"""The command `jikimi`; each group of subcommands is a module of streams.commands.

No heavy import here: a subcommand imports its modules when it is called.
"""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from models.manifest import ModelError
from schemas.codec import WireError
from streams.commands import (
    answers,
    audit,
    case,
    case_decisions,
    check,
    dead_letters,
    doctor,
    evaluate,
    evidence,
    exchange,
    feed,
    keys,
    learn,
    notice,
    pages,
    promote,
    replay,
    review,
    shadow,
    takedown,
    topics,
)
from streams.commands.console import console, use_plain_types
from streams.commands.needs import needs
from streams.errors import UsageError
from streams.secrets.redaction import masked
from streams.settings import load_settings
from streams.telemetry.logs import configure_logging, configure_service_logging

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Find copies of a victim's videos and get them taken down."
)
case.app.add_typer(case_decisions.app)
app.add_typer(case.app, name="case")
app.add_typer(takedown.app, name="takedown")
app.add_typer(feed.app, name="feed")
app.add_typer(notice.app, name="notice")
app.add_typer(topics.app, name="topics")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(keys.app, name="keys")
app.command("doctor")(doctor.doctor)
app.add_typer(review.app)
app.add_typer(promote.app)
app.command("answers")(answers.answers)
app.command("check")(check.check)
app.command("console")(pages.console)
app.add_typer(replay.app, name="replay")
app.add_typer(shadow.app, name="shadow")
app.command("learn")(learn.learn)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(evidence.app, name="evidence")
app.add_typer(exchange.app, name="exchange")
app.add_typer(audit.app, name="audit")
use_plain_types()


def main() -> None:
    """Run the command; a usage error is one line and exit code 2."""
    configure_logging(logging.WARNING)
    # Read when numpy is imported. Its products are small, and threads that wait for each other are busy meanwhile.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(standalone_mode=False, prog_name="jikimi")
    except (UsageError, ModelError) as error:
        code = _refuse(str(error))
    except WireError as error:
        code = _refuse(f"a record cannot be decoded: {error}")
    except TyperException as error:  # typer has its own copy of click; the exceptions of the package click are others
        code = _refuse(error.format_message() + _where_help_is(error)) if error.format_message() else 0
    except (Abort, KeyboardInterrupt):
        code = 130
    except Exception:  # noqa: BLE001 - a bug: what Python would print, without secrets and without local variables
        print(masked(traceback.format_exc()), end="", file=sys.stderr)  # noqa: T201 - likewise
        code = 1
    sys.exit(code or 0)


def _where_help_is(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f" See `{context.command_path} --help`." if context is not None else ""


def _refuse(line: str) -> int:
    print(f"jikimi: {masked(' '.join(line.split()))}", file=sys.stderr)  # noqa: T201 - output of a command
    return 2


@app.command()
@needs("operate")
def worker(stages: Annotated[list[str], typer.Argument(help="One stage, several, or all.")]) -> None:
    """Run stages until stopped."""
    from streams.engine.worker import run_worker  # noqa: PLC0415 - loads every model library

    configure_service_logging()
    run_worker(stages, load_settings())


@app.command()
@needs("operate")
def monitor() -> None:
    """Serve metrics of the broker's backlog, also of a stage that hangs or does not run."""
    from streams.monitor.monitor import run_monitor  # noqa: PLC0415 - likewise

    configure_service_logging()
    run_monitor(load_settings())


@app.command()
@needs("operate")
def demo(
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the result to this file.")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(metavar="ADDRESSES", help="Kafka brokers to use in place of the embedded one.")
    ] = None,
    separate: Annotated[bool, typer.Option(help="Run every stage in its own process.")] = False,
    media: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep the copies here for the next run.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep system and console running until Ctrl-C.")] = False,
) -> None:
    """Run real copies and other posts through the whole system; show it in the browser, and the results.

    It prints a link to its console, where the run can be watched: cases, reviews, takedowns, operation.
    """
    from streams.demo.demo import run_demo  # noqa: PLC0415 - likewise

    code = run_demo(
        console, json_file=json, bootstrap_servers=bootstrap_servers, separate=separate, media=media, keep=keep
    )
    sys.exit(code)


if __name__ == "__main__":
    main()
