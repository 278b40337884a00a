"""Go or no-go: what was measured against stated thresholds. Pure functions but for the reading of the file."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from streams.errors import UsageError
from streams.replay.quality import Ratio

DEFAULT = Path(__file__).with_name("thresholds.toml")

_NotNegative = Annotated[int, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Outcome = Literal["go", "no-go", "not measured"]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that is allowed; thresholds.toml says of what."""

    lost_acts_on_copies: _NotNegative
    lost_acts_without_label: _NotNegative
    precision_drop: _Share
    recall_drop: _Share
    new_acts_without_label: _NotNegative
    cpu_ratio: Annotated[float, msgspec.Meta(gt=0)]
    more_dead_letters: _NotNegative


class Row(msgspec.Struct, frozen=True):
    """One thing measured."""

    name: str
    measured: str
    allowed: str
    outcome: Outcome


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the thresholds speak of; None where it could not be measured."""

    lost_acts_on_copies: int | None
    lost_acts_without_label: int
    precision: tuple[Ratio, Ratio]
    """Of acting, before and after."""
    recall: tuple[Ratio, Ratio]
    new_acts_without_label: int
    cpu_ratio: float | None
    dead_letters: tuple[int | None, int]
    """Before and after."""


def read_thresholds(file: Path) -> Thresholds:
    """Return the thresholds of a file.

    Raises
    ------
    UsageError
        It cannot be read, lacks one, or names one that is none.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text()), Thresholds)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"{file}: {error}: {DEFAULT.name} beside this command's code shows all of them") from error


def rows(measured: Measured, allowed: Thresholds) -> list[Row]:
    """Return what was measured, what is allowed, and what follows."""
    return [
        _count("copies not acted on any more", measured.lost_acts_on_copies, allowed.lost_acts_on_copies),
        _count("lost acts that nobody has labelled", measured.lost_acts_without_label, allowed.lost_acts_without_label),
        _drop("precision of acting", measured.precision, allowed.precision_drop),
        _drop("recall of acting", measured.recall, allowed.recall_drop),
        _count("new acts that nobody has labelled", measured.new_acts_without_label, allowed.new_acts_without_label),
        _cpu(measured.cpu_ratio, allowed.cpu_ratio),
        _letters(measured.dead_letters, allowed.more_dead_letters),
    ]


def goes(found: list[Row], *, strict: bool) -> bool:
    """Return whether nothing speaks against it; strictly, what was not measured does."""
    against: set[Outcome] = {"no-go", "not measured"} if strict else {"no-go"}
    return not any(row.outcome in against for row in found)


def _outcome(*, good: bool) -> Outcome:
    return "go" if good else "no-go"


def _count(name: str, measured: int | None, allowed: int) -> Row:
    if measured is None:
        return Row(name, "no labels", f"at most {allowed}", "not measured")
    return Row(name, str(measured), f"at most {allowed}", _outcome(good=measured <= allowed))


def _drop(name: str, measured: tuple[Ratio, Ratio], allowed: float) -> Row:
    before, after = measured
    least = "not lower" if allowed == 0 else f"at most {allowed:g} lower"
    shown = f"{told(before)} -> {told(after)}"
    if before.value is None or after.value is None:
        return Row(name, shown, least, "not measured")
    return Row(name, shown, least, _outcome(good=after.value >= before.value - allowed))


def _cpu(measured: float | None, allowed: float) -> Row:
    name, most = "CPU seconds, after to before", f"at most {allowed:g}"
    if measured is None:
        how = "replay the same window without --with and compare --against it"
        return Row(name, how, most, "not measured")
    return Row(name, f"{measured:.3f}", most, _outcome(good=measured <= allowed))


def _letters(measured: tuple[int | None, int], allowed: int) -> Row:
    before, after = measured
    name, most = "dead letters", "not more" if allowed == 0 else f"at most {allowed} more"
    if before is None:
        return Row(name, f"live unknown -> {after}", most, _outcome(good=True) if after == 0 else "not measured")
    return Row(name, f"{before} -> {after}", most, _outcome(good=after <= before + allowed))


def told(found: Ratio) -> str:
    """Return a share in words."""
    if found.value is None:
        return "of nothing"
    return f"{found.value:.3f} ({found.hits} of {found.of}, {found.low:.3f} to {found.high:.3f})"
