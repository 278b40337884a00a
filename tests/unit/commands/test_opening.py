"""What a person is told and asked before a case opens."""

import time

import pytest
import typer

from streams.commands.opening import Lines, decide
from streams.desk.concerns import Concern
from streams.errors import UsageError

MILD = Concern("short", {"file": "film.mp4", "length": "2.0"}, is_severe=False)
SEVERE = Concern("truncated", {"file": "film.mp4", "readable": "2.0", "length": "9.0"}, is_severe=True)


@pytest.mark.parametrize(("concerns", "yes"), [([MILD], False), ([MILD], True), ([MILD, SEVERE], True), ([], False)])
def test_in_a_pipe_warnings_are_printed_and_the_case_opens(
    capsys: pytest.CaptureFixture[str], concerns: list[Concern], *, yes: bool
) -> None:
    decide(concerns, yes=yes, is_terminal=False)
    assert capsys.readouterr().err == "".join(f"warning: {concern.text}\n" for concern in concerns)


def test_in_a_pipe_a_severe_concern_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"the file is truncated; --yes opens it anyway"):
        decide([MILD, SEVERE], yes=False, is_terminal=False)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_the_person_is_asked_once(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    asked: list[str] = []

    def confirm(text: str, **_: object) -> None:
        asked.append(text)
        if not answer:
            raise typer.Abort

    monkeypatch.setattr(typer, "confirm", confirm)
    if answer:
        decide([MILD, SEVERE], yes=False, is_terminal=True)
    else:
        with pytest.raises(typer.Abort):
            decide([MILD, SEVERE], yes=False, is_terminal=True)
    decide([MILD, SEVERE], yes=True, is_terminal=True)
    decide([], yes=False, is_terminal=True)
    assert len(asked) == 1


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = iter([0.0, 5.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times_s))
    lines = Lines()
    for done in (0.0, 60.0, 120.0):
        lines.show("describing film.mp4", done, 7200.0)
    lines.show("describing clip.mp4", 0.0, 14.0)
    assert capsys.readouterr().err.splitlines() == [
        "describing film.mp4: 0 of 7200 s",
        "describing film.mp4: 120 of 7200 s",
        "describing clip.mp4: 0 of 14 s",
    ]
