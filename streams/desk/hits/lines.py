"""Lines for a person: whole addresses, evidence on both sides, no control characters."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from schemas.messages import Evidence, Interval
from streams.delivery.evidence.moments import position
from streams.desk.print_report import printable

_SHOWN = 3
"""Pieces of evidence shown, strongest first."""


def print_line(console: Console, line: str) -> None:
    """Print one line whole, however wide the terminal is: an address that is cut opens nothing."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def evidence_lines(evidence: Sequence[Evidence]) -> Iterator[str]:
    """Yield one line for each of the strongest pieces of evidence: modality, probability, seconds on both sides."""
    for piece in sorted(evidence, key=lambda piece: piece.probability, reverse=True)[:_SHOWN]:
        yield f"{piece.modality} {piece.probability:.2f}: {_where(piece)}"
    if len(evidence) > _SHOWN:
        yield f"and {len(evidence) - _SHOWN} more"


def _where(piece: Evidence) -> str:
    if piece.medium < 0:
        return f"{piece.terms} terms of {piece.reference_id} in the text"
    there, here = _span(piece.query), _span(piece.reference)
    return f"{there} of medium {piece.medium + 1} is {here} of reference {piece.reference_id}"


def _span(interval: Interval) -> str:
    return f"{position(interval.start_s)}-{position(interval.end_s)}"
