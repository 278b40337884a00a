"""One section of the bench: a name, what it measures, the function that does, and the targets of its figures."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

type Value = float | int | str
type Figures = dict[str, Value]
"""Flat: figure by name."""

NOT_MEASURED = "not measured"


def not_measured(why: str) -> str:
    """Return what stands in the place of a figure that this run does not have."""
    return f"{NOT_MEASURED}: {why}"


def is_measured(value: Value) -> bool:
    """Return whether this is a figure."""
    return not (isinstance(value, str) and value.startswith(NOT_MEASURED))


@dataclass(frozen=True)
class Run:
    """One run of the bench."""

    seed: int
    long: bool
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    """Empty folder for files of the run."""
    note: Callable[[str], None] = lambda _: None
    """Shows what is under way."""

    def size[T](self, quick: T, full: T) -> T:
        """Return one of two sizes."""
        return full if self.long else quick


@dataclass(frozen=True)
class Section:
    """Section of the bench."""

    name: str
    title: str
    measure: Callable[[Run], Figures]
    """Raises UnavailableError where this machine cannot."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Figure to its target, as in `<= 1.3`."""


def meets(value: Value, target: str) -> bool:
    """Return whether a figure meets its target, `<= number` or `>= number`.

    Raises
    ------
    ValueError
        The target or the value is no number.
    """
    sign, limit = target.split()
    if sign not in {"<=", ">="}:
        raise ValueError(target)
    return float(value) <= float(limit) if sign == "<=" else float(value) >= float(limit)
