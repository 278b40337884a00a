"""A case or a reference withdrawn for a person: what it means, one question, progress, and the proof."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.hints import hint, hint_workers
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.desk.erasure.proof import Proof
    from streams.desk.erasure.steps import Step
    from streams.desk.withdraw_case import Withdrawal

_LINE_S = 10.0
"""Time between two lines of progress."""
_STAGES = ("match", "takedown", "delivery")
"""Stages that act on a withdrawal."""


class WithdrawRequest(NamedTuple):
    """Request of a person to withdraw a case."""

    case_id: str
    why: str
    by: str
    yes: bool
    wait_s: float
    json: Path | None


def withdraw(settings: Settings, request: WithdrawRequest) -> None:
    """Withdraw a case; exit code 1 if anything is left that should have been erased."""
    from streams.desk.erasure.show import print_withdrawal  # noqa: PLC0415 - only this command needs it
    from streams.desk.withdraw_case import erase_case, plan_withdrawal, write_proof  # noqa: PLC0415 - likewise

    found = plan_withdrawal(settings, request.case_id)
    print_withdrawal(found, Console(stderr=True, width=None if sys.stderr.isatty() else 160))
    why = _confirm(found, request)
    hint_workers(settings, _STAGES)
    with acting(settings, current_person(settings), "withdraw", request.case_id, why, detail=f"as {request.by}"):
        proof = erase_case(settings, found, wait_s=request.wait_s, show=Progress().show, by=request.by, why=why)
    if request.json is not None:
        write_proof(proof, request.json)
    _end(settings, proof)


def deconfirm(settings: Settings, case_id: str, reference_id: str, why: str, by: str, wait_s: float) -> None:  # noqa: PLR0917
    """Withdraw a reference; exit code 1 if anything is left that should have been erased."""
    from streams.desk.reviewing import ReviewRequest, erase_reference  # noqa: PLC0415 - only this command needs it

    person = current_person(settings)
    request = ReviewRequest(case_id, reference_id, by, why, person.name)
    with acting(settings, person, "withdraw", f"{case_id}/{reference_id}", why, detail=f"as {by}"):
        proof = erase_reference(settings, request, wait_s=wait_s, show=Progress().show)
    _end(settings, proof)


def _confirm(found: "Withdrawal", request: WithdrawRequest) -> str:
    """Ask once, and for the reason if there is none; return the reason.

    Raises
    ------
    UsageError
        Nobody can be asked.
    typer.Abort
        The person says no.
    """
    is_terminal = sys.stdin.isatty()
    if not is_terminal and not request.yes:
        raise UsageError(f"{found.case_id} cannot be restored: --yes withdraws it without asking")
    if not is_terminal and not request.why:
        raise UsageError("--why is missing: the reason is stored with the withdrawal")
    why = request.why or str(typer.prompt("Why is it withdrawn?", err=True))
    if not request.yes:
        typer.confirm(f"Withdraw {found.case_id}? It cannot be restored", abort=True, err=True)
    return why


def _end(settings: Settings, proof: "Proof") -> None:
    from streams.desk.erasure.show import print_proof  # noqa: PLC0415 - only these commands need it
    from streams.desk.local_time import LocalTime  # noqa: PLC0415 - likewise

    console.print(f"{proof.erased} entries erased", highlight=False)
    print_proof(proof, LocalTime(settings), console)
    if not proof.is_clean:
        raise typer.Exit(1)


class Progress:
    """Lines of progress on standard error: one when something else begins, then one every ten seconds."""

    def __init__(self) -> None:
        self._what, self._next_s = "", 0.0

    def show(self, step: "Step") -> None:
        """Print a line if it is time."""
        line = step.text
        what = line.partition(":")[0]
        if what != self._what or time.monotonic() > self._next_s:
            self._what, self._next_s = what, time.monotonic() + _LINE_S
            hint(line)
