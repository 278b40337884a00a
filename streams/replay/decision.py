"""Go or no-go: measurements against stated thresholds. Pure functions, except for reading the file."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from streams.errors import UsageError
from streams.replay.quality import Ratio

DEFAULT = Path(__file__).with_name("thresholds.toml")

_NotNegative = Annotated[int, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Outcome = Literal["go", "no-go", "not measured", "not judged"]
"""Not judged: measured on too little to decide, so it is no reason for a no-go."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a go; thresholds.toml describes each."""

    lost_acts_on_copies: _NotNegative
    lost_acts_without_label: _NotNegative
    precision_drop: _Share
    recall_drop: _Share
    new_acts_without_label: _NotNegative
    cpu_ratio: Annotated[float, msgspec.Meta(gt=0)]
    cpu_least_posts: _NotNegative
    more_dead_letters: _NotNegative


class Row(msgspec.Struct, frozen=True):
    """One measurement, its limit and the outcome."""

    name: str
    measured: str
    allowed: str
    outcome: Outcome


class Measurements(msgspec.Struct, frozen=True, kw_only=True):
    """Values to compare with the thresholds; None where a value could not be measured."""

    lost_acts_on_copies: int | None
    lost_acts_without_label: int
    precision: tuple[Ratio, Ratio]
    """Precision of acting, before and after."""
    recall: tuple[Ratio, Ratio]
    """Recall of acting, before and after."""
    new_acts_without_label: int
    cpu_ratio: float | None
    cpu_posts: int
    """Posts of the side with fewer of them, on which the CPU seconds were measured."""
    dead_letters: tuple[int | None, int]
    """Before and after."""


def read_thresholds(file: Path) -> Thresholds:
    """Return the thresholds of a file.

    Raises
    ------
    UsageError
        The file cannot be read, lacks a threshold, or has an unknown one.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Thresholds)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"{file}: {error}: the default {DEFAULT.name} has all thresholds") from error


def rows(measured: Measurements, allowed: Thresholds) -> list[Row]:
    """Return each measurement with its limit and outcome."""
    return [
        _count("copies no longer acted on", measured.lost_acts_on_copies, allowed.lost_acts_on_copies),
        _count("lost acts without a label", measured.lost_acts_without_label, allowed.lost_acts_without_label),
        _drop("precision of acting", measured.precision, allowed.precision_drop),
        _drop("recall of acting", measured.recall, allowed.recall_drop),
        _count("new acts without a label", measured.new_acts_without_label, allowed.new_acts_without_label),
        _cpu(measured, allowed),
        _dead_letters(measured.dead_letters, allowed.more_dead_letters),
    ]


def is_go(found: list[Row], *, strict: bool) -> bool:
    """Return whether no row is no-go, nor, if strict, not measured; one that is not judged decides nothing."""
    failing: set[Outcome] = {"no-go", "not measured"} if strict else {"no-go"}
    return not any(row.outcome in failing for row in found)


def _outcome(*, good: bool) -> Outcome:
    return "go" if good else "no-go"


def _count(name: str, measured: int | None, allowed: int) -> Row:
    if measured is None:
        return Row(name, "no labels", f"at most {allowed}", "not measured")
    return Row(name, str(measured), f"at most {allowed}", _outcome(good=measured <= allowed))


def _drop(name: str, measured: tuple[Ratio, Ratio], allowed: float) -> Row:
    before, after = measured
    least = "not lower" if allowed == 0 else f"at most {allowed:g} lower"
    shown = f"{formatted(before)} -> {formatted(after)}"
    if after.value == 1.0:  # lower than nothing, also where before there is none, as of acts on posts in review
        return Row(name, shown, least, "go")
    if before.value is None or after.value is None:
        return Row(name, shown, least, "not measured")
    return Row(name, shown, least, _outcome(good=after.value >= before.value - allowed))


def _cpu(measured: Measurements, allowed: Thresholds) -> Row:
    name, most, ratio = "CPU seconds, after to before", f"at most {allowed.cpu_ratio:g}", measured.cpu_ratio
    if ratio is None:
        how = "replay the same window without --with and compare --against it"
        return Row(name, how, most, "not measured")
    if measured.cpu_posts < allowed.cpu_least_posts:  # what each process does once would decide, and its noise
        return Row(name, f"{ratio:.3f}, too little work ({measured.cpu_posts} posts)", most, "not judged")
    return Row(name, f"{ratio:.3f}", most, _outcome(good=ratio <= allowed.cpu_ratio))


def _dead_letters(measured: tuple[int | None, int], allowed: int) -> Row:
    before, after = measured
    name, most = "dead letters", "not more" if allowed == 0 else f"at most {allowed} more"
    if before is None:
        return Row(name, f"live unknown -> {after}", most, _outcome(good=True) if after == 0 else "not measured")
    return Row(name, f"{before} -> {after}", most, _outcome(good=after <= before + allowed))


def formatted(found: Ratio) -> str:
    """Return a ratio with its counts and interval, as text."""
    if found.value is None:
        return "0 of 0"
    return f"{found.value:.3f} ({found.hits} of {found.of}, {found.low:.3f} to {found.high:.3f})"
