"""A case opened for a person: progress, warnings, a question, and the names of its files kept on this machine."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from streams.audit.acting import NOT_GIVEN
from streams.commands.hints import hint, hint_workers
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.desk.concerns import Concern
    from streams.desk.new_case import NewCase, Progress

_LINE_S = 10.0
"""Time between two lines of progress where no terminal shows a bar."""


def open_and_note(settings: Settings, new: "NewCase", *, yes: bool) -> str:
    """Open a case, or extend the one that is named, print its id and return it.

    Raises as `open_case` and `extend_case` do, and if the person says no.
    """
    from streams.desk.case_book import CaseBook  # noqa: PLC0415 - only this command needs it
    from streams.desk.extend_case import extend_case  # noqa: PLC0415 - likewise
    from streams.desk.open_case import open_case  # noqa: PLC0415 - likewise

    def ask(concerns: "Sequence[Concern]") -> None:
        pause()  # a bar would be drawn over the question
        decide(concerns, yes=yes, is_terminal=sys.stdin.isatty())

    new = replace(new, opened_by=current_person(settings).name, four_eyes=settings.four_eyes, why=new.why or NOT_GIVEN)
    with progress() as (show, pause):
        opened = (extend_case if new.case_id else open_case)(settings, new, show, ask)
    print(opened.case_id)  # noqa: T201 - output of a command
    try:
        CaseBook(settings).add_files(*opened)
    except OSError as error:
        hint(f"the names of the files are not kept, set JIKIMI_DESK_FOLDER to a folder that can be written: {error}")
    if new.four_eyes and not new.benign:
        hint(f"it waits for a second person: `jikimi case confirm {opened.case_id}`; until then its takedowns are held")
    hint_workers(settings)
    return opened.case_id


def decide(concerns: "Sequence[Concern]", *, yes: bool, is_terminal: bool) -> None:
    """Print the concerns about a case and ask whether to go on, unless `yes` is set.

    Raises
    ------
    UsageError
        Nobody can be asked, and a concern is severe.
    typer.Abort
        The person says no.
    """
    severe = [concern.text for concern in concerns if concern.is_severe]
    if severe and not (yes or is_terminal):
        raise UsageError(f"{'; '.join(severe)}; --yes opens it anyway")
    for concern in concerns:
        hint(f"warning: {concern.text}")
    if concerns and is_terminal and not yes:
        typer.confirm("Open it anyway?", abort=True, err=True)


@contextmanager
def progress() -> "Iterator[tuple[Progress, Callable[[], None]]]":
    """Yield a function that shows progress on standard error, as a bar or lines, and one that hides it."""
    if not sys.stderr.isatty():
        yield Lines().show, lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def show(what: str, done: float, total: float) -> None:
            bar.start()
            bar.update(task, description=what, completed=done, total=total or None)

        yield show, bar.stop


class Lines:
    """Progress as lines: one when something else begins, then one every ten seconds."""

    def __init__(self) -> None:
        self._what = ""
        self._next_s = 0.0

    def show(self, what: str, done: float, total: float) -> None:
        """Print a line if it is time."""
        if what == self._what and time.monotonic() < self._next_s:
            return
        self._what, self._next_s = what, time.monotonic() + _LINE_S
        hint(f"{what}: {done:.0f} of {total:.0f} s" if total else what)
