"""`jikimi case`: a case or its references confirmed or withdrawn."""

from pathlib import Path
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.hints import hint
from streams.commands.needs import needs
from streams.commands.options import Officer, Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import Settings, load_settings

app = typer.Typer()

_WAIT_S = 300.0
_Wait = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How long the broker may take to compact what was erased.")
]


@app.command("quarantine")
@needs("read")
def case_quarantine() -> None:
    """Show the references under quarantine after a flood of matches, and how many takedowns are held for each."""
    from streams.desk.own_cases import visible_cases  # noqa: PLC0415 - only this command needs it
    from streams.desk.reviewing import print_quarantined  # noqa: PLC0415 - likewise

    settings = load_settings()
    print_quarantined(settings, console, visible_cases(settings, current_person(settings), "read"))


@app.command("confirm")
@needs("confirm")
def case_confirm(
    case_id: Annotated[str | None, typer.Argument(help="Case that another person opened.")] = None,
    reference_id: Annotated[
        str | None, typer.Argument(help="Only this reference: its takedowns are never held after a flood again.")
    ] = None,
    without_opener: Annotated[
        bool, typer.Option("--without-opener", help="Every waiting case from before cases had an opener, once.")
    ] = False,
    why: Why = "",
    officer: Officer = "desk",
) -> None:
    """Confirm a case as its second person, or one of its references: takedowns held for it are issued."""
    if (case_id is None) is not without_opener:
        raise UsageError("name the case to confirm, or give --without-opener")
    settings, why = load_settings(), reason(why)
    if case_id is None:
        _confirm_without_opener(settings, officer, why)
    elif reference_id is None:
        _confirm_case(settings, case_id, officer, why)
    else:
        _confirm_reference(settings, case_id, reference_id, officer, why)
    if case_id is not None:
        hint(f"`jikimi case show {case_id}` shows the takedowns that were held for it")
        _hint_key(settings)


def _hint_key(settings: Settings) -> None:
    """Say that this account's signatures have to be made known: a second person has a key that nobody else has."""
    from streams.audit.signing import own_signer  # noqa: PLC0415 - only this command needs it

    if settings.audit.trusted_keys is None:
        hint(f"signed with this account's key {own_signer(settings).key_id}: `jikimi audit verify` of others takes it")
        hint("for forged until it is among their JIKIMI_AUDIT_TRUSTED_KEYS; `jikimi audit keys` prints it")


def _confirm_case(settings: Settings, case_id: str, officer: str, why: str) -> None:
    from streams.desk.confirm_case import CaseConfirmation, confirm_case  # noqa: PLC0415 - likewise

    person = current_person(settings)
    with acting(settings, person, "confirm", case_id, why, detail=f"as {officer}"):
        confirm_case(settings, CaseConfirmation(case_id, person.name, officer, why))


def _confirm_reference(settings: Settings, case_id: str, reference_id: str, officer: str, why: str) -> None:
    from streams.desk.reviewing import ReviewRequest, confirm_reference  # noqa: PLC0415 - likewise

    person = current_person(settings)
    with acting(settings, person, "confirm", f"{case_id}/{reference_id}", why, detail=f"as {officer}"):
        confirm_reference(settings, ReviewRequest(case_id, reference_id, officer, why, person.name))


def _confirm_without_opener(settings: Settings, officer: str, why: str) -> None:
    from streams.desk.confirm_case import waiting_without_opener  # noqa: PLC0415 - likewise

    for case in waiting_without_opener(settings):
        _confirm_case(settings, case.case_id, officer, why)
        print(f"{case.case_id}  opened {case.opened_at:%Y-%m-%d %H:%M} UTC")  # noqa: T201


@app.command("deconfirm")
@needs("withdraw")
def case_deconfirm(
    case_id: str, reference_id: str, why: Why = "", officer: Officer = "desk", wait: _Wait = _WAIT_S
) -> None:
    """Erase a reference that is not the victim's: it no longer matches, and takedowns on it alone are withdrawn."""
    from streams.commands.withdrawing import deconfirm  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "withdraw", case_id)
    deconfirm(settings, case_id, reference_id, why, officer, wait)


@app.command("withdraw")
@needs("withdraw")
def case_withdraw(  # noqa: PLR0917 - options are passed by name
    case_id: str,
    why: Why = "",
    officer: Officer = "desk",
    yes: Annotated[bool, typer.Option("--yes", help="Withdraw it without asking.")] = False,
    wait: _Wait = _WAIT_S,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the proof to this file.")
    ] = None,
) -> None:
    """Erase a case or an allow-list and prove it; a case's pending takedowns are withdrawn."""
    from streams.commands.withdrawing import WithdrawRequest, withdraw  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "withdraw", case_id)
    withdraw(settings, WithdrawRequest(case_id, why, officer, yes=yes, wait_s=wait, json=json))
