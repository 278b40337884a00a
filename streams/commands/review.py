"""`jikimi label`, `reviews`, `watch`, `notify`: decisions of persons, and what they should know of."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from schemas.messages import Label, LabelDecision
from streams.audit.acting import acting
from streams.commands.allowing import allow_post
from streams.commands.console import console
from streams.commands.hints import hint_workers
from streams.commands.needs import needs
from streams.commands.options import OfCase, Officer, Since
from streams.errors import UsageError
from streams.rights.check import require
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer()


@app.command()
@needs("label")
def label(  # noqa: PLR0917 - options are passed by name
    post_id: str,
    case_id: str,
    decision: Annotated[LabelDecision, typer.Argument(help="Is the post a copy of the case's?")],
    note: Annotated[str, typer.Option(help="Free text; it is stored with the takedown.")] = "",
    reviewer: Officer = "desk",
    allow: Annotated[
        bool,
        typer.Option("--allow", help="With other: allow the post's pictures and sounds wherever they are."),
    ] = False,
) -> None:
    """Decide on a post: copy issues its takedown, other withdraws it for good, unsure leaves it as it is.

    `escalate` leaves the decision to another person. A later decision on the same post and case replaces an earlier
    one. All are kept for the evaluation of models.
    """
    from streams.cases.labels import DECIDING, what_follows, write_label  # noqa: PLC0415 - only this command needs it
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    written = Label(
        post_id=post_id, case_id=case_id, decision=decision, reviewer=reviewer, at=datetime.now(UTC), note=note
    )
    settings = load_settings()
    person = current_person(settings)
    require_case(settings, person, "label", case_id)
    if allow:
        if decision != "other":
            raise UsageError(f"--allow goes with other: media of a post that is {decision} must be found")
        require(person, "allow")
    with acting(settings, person, "label", f"{post_id}/{case_id}", note, detail=f"{decision}, as {reviewer}"):
        label = write_label(settings, written)
    print(what_follows(label))  # noqa: T201
    if decision in DECIDING:
        hint_workers(settings, ["takedown"])
    if allow:
        allow_post(settings, post_id, case_id, note)


@app.command()
@needs("review")
def reviews(
    case: OfCase = None, json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False
) -> None:
    """Show the posts on which a person has to decide: minors first, then those that have waited longest."""
    import asyncio  # noqa: PLC0415 - likewise

    from streams.desk.own_cases import visible_cases  # noqa: PLC0415 - likewise
    from streams.desk.reviews import print_reviews  # noqa: PLC0415 - likewise

    settings = load_settings()
    only = visible_cases(settings, current_person(settings), "review")
    asyncio.run(print_reviews(settings, console, case, json=json, only=only))


@app.command()
@needs("read")
def watch(
    case: OfCase = None,
    since: Since = None,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each.")] = False,
) -> None:
    """Print hits as they come: verdicts to act or review, new states of takedowns, overdue ones. Ctrl-C ends it."""
    from streams.desk.hits.watch import watch as watch_hits  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_any, require_case  # noqa: PLC0415 - likewise
    from streams.replay.span import parse_time  # noqa: PLC0415 - likewise

    now, settings = datetime.now(UTC), load_settings()
    require_any(current_person(settings), "read", case)
    if case is not None:
        require_case(settings, current_person(settings), "read", case)
    watch_hits(settings, console, case, parse_time(since, now) if since else now, json=json)


@app.command()
@needs("operate")
def notify() -> None:
    """Send officers a webhook or mail when there are hits, at most one a minute for each case; see JIKIMI_HOOK_….

    It counts hits and names the case's id, and holds no address, account or picture. Run one, as a service.
    """
    from streams.desk.hits.notify import run_notify  # noqa: PLC0415 - likewise
    from streams.telemetry.logs import configure_service_logging  # noqa: PLC0415 - likewise

    configure_service_logging()
    run_notify(load_settings())
