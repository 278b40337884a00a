"""`jikimi learn`: the calibration of fusion refitted to reviewers' labels, as a candidate."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from models.fusion.calibrated import Calibrated, CalibrationFile
from models.fusion.line_fit import LEAST_SLOPE, HeldOut, Scores, fit_line, hold_out
from models.manifest import write_atomically
from schemas.ids import full_name
from streams.errors import UsageError
from streams.live_models.promotion import read_state
from streams.replay.labelled import Labelled, read_labelled
from streams.settings import Settings

LEAST = {"copies": 50, "others": 50, "cases": 5}
"""Labels, and cases that they are of, that a refit needs."""
NAME = "calibrated"


class Learned(msgspec.Struct, frozen=True):
    """Result of a refit."""

    file: CalibrationFile
    held_out: HeldOut
    n_copies: int
    n_others: int
    n_cases: int
    left_out: dict[str, int]

    @property
    def is_better(self) -> bool:
        """Whether the log loss on unseen cases falls, by more than chance explains."""
        return self.held_out.change[2] < 0.0

    @property
    def content(self) -> bytes:
        """Content of the candidate's file."""
        return msgspec.json.format(msgspec.json.encode(self.file)) + b"\n"

    @property
    def full_name(self) -> str:
        """Name and version of the candidate: the version is a digest of its file."""
        return full_name(NAME, hashlib.sha256(self.content).hexdigest()[:12])


def learn(settings: Settings, seed: int) -> Learned:
    """Return the refit of the live fusion's calibration to the labels; it writes nothing.

    Raises
    ------
    UsageError
        There are too few labels, they are not ranked, or the broker does not answer.
    ModelError
        The live fusion model is not in the manifest.
    """
    state = read_state(settings)
    live = state.registry.fusion(state.history.live.fusion)
    base = live.base if isinstance(live, Calibrated) else live
    return refit(read_labelled(settings, base, live), full_name(base.name, base.version), seed)


def refit(found: Labelled, base: str, seed: int) -> Learned:
    """Return the refit to these labels; raises as `learn` does."""
    n_copies, n_cases = int(found.copies.sum()), len(set(found.cases.tolist()))
    n_others = len(found.copies) - n_copies
    counts = {"copies": n_copies, "others": n_others, "cases": n_cases}
    _refuse_few(counts, found.left_out)
    line = fit_line(found.logits, found.copies)
    if line.slope < LEAST_SLOPE:
        raise UsageError(
            f"the probability of {base} hardly ranks these labels (slope {line.slope:.2f}, at least {LEAST_SLOPE}): "
            "a calibration does not help, another model may"
        )
    held_out = hold_out(found.logits, found.live, found.copies, found.cases, seed)
    file = CalibrationFile(slope=round(line.slope, 6), offset=round(line.offset, 6), base=base)
    return Learned(file, held_out, n_copies, n_others, n_cases, found.left_out)


def write_candidate(learned: Learned, folder: Path) -> Path:
    """Write the candidate's file and a manifest that names it; return the manifest.

    Raises
    ------
    UsageError
        The folder cannot be written.
    """
    version, name = learned.full_name.partition("@")[2], f"{learned.full_name.replace('@', '-')}.json"
    entry = {
        "name": NAME,
        "modality": "fusion",
        "version": version,
        "origin": "file",
        "path": name,
        "sha256": hashlib.sha256(learned.content).hexdigest(),
        "licence": "own",
        "source": f"jikimi learn, {datetime.now(UTC):%Y-%m-%d}: {learned.n_copies} copies, {learned.n_others} others",
    }
    manifest = folder / "manifest.toml"
    lines = ["[[model]]", *(f'{field} = "{value}"' for field, value in entry.items()), ""]
    try:
        before = manifest.read_text("utf-8") if manifest.exists() else ""
        if f'version = "{version}"' not in before:
            write_atomically(folder / name, learned.content)
            write_atomically(manifest, "\n".join(filter(None, [before, *lines])).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    return manifest


def report(learned: Learned) -> Iterator[str]:
    """Yield the lines of a report."""
    yield f"{learned.n_copies} copies and {learned.n_others} others of {learned.n_cases} cases, in review"
    for reason, number in sorted(learned.left_out.items()):
        yield f"  {number} left out: {reason}"
    yield "on cases that the fit had not seen        log loss   Brier   calibration error"
    yield f"  live                                    {_figures(learned.held_out.before)}"
    yield f"  refitted                                {_figures(learned.held_out.after)}"
    change, low, high = learned.held_out.change
    yield f"change of the log loss {change:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}"


def _figures(scores: Scores) -> str:
    return f"{scores.log_loss:8.4f} {scores.brier:7.4f} {scores.calibration_error:19.4f}"


def _refuse_few(counts: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    if missing := [f"{LEAST[what] - number} more {what}" for what, number in counts.items() if number < LEAST[what]]:
        reasons = "".join(f"; {number} left out: {reason}" for reason, number in sorted(left_out.items()))
        raise UsageError(f"too few labels of verdicts to review, {', '.join(missing)} are needed{reasons}")
