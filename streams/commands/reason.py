"""Reason of an act: an option, or a question on a terminal."""

import sys

import typer


def reason(why: str) -> str:
    """Return the reason of an act; a person at a terminal who gave none is asked for it."""
    if why.strip() or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return why.strip()
    answer: str = typer.prompt("Why? It is kept in the log of acts", default="", show_default=False, err=True)
    return answer.strip()
