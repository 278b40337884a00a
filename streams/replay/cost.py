"""Cost and latency of two sides: CPU seconds of runs, and seconds to a verdict. Pure functions."""

from collections.abc import Iterable

import msgspec

from schemas.messages import Run
from streams.topology import STAGES


class StageCost(msgspec.Struct, frozen=True):
    """CPU seconds per record of a stage, before and after; None where a side did not run it."""

    stage: str
    before_s: float | None
    after_s: float | None


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds of both sides and their ratio."""

    stages: list[StageCost]
    ratio: float | None
    """After to before, over the stages that both sides ran; None if there are none."""


class Latency(msgspec.Struct, frozen=True):
    """Number of posts and quantiles of the seconds from a post being seen to its verdict."""

    n: int
    p50_s: float
    p95_s: float
    p99_s: float


def cost(before: Run | None, after: Run) -> Cost:
    """Return the CPU seconds of both sides; a side without a run was not measured."""
    old, new = per_record(before) if before is not None else {}, per_record(after)
    stages = [StageCost(name, old.get(name), new.get(name)) for name in STAGES if name in old or name in new]
    both = old.keys() & new.keys()
    old_s = sum(old[name] for name in both)
    return Cost(stages, sum(new[name] for name in both) / old_s if old_s else None)


def per_record(run: Run) -> dict[str, float]:
    """Return the CPU seconds per record of each stage."""
    return {name: run.seconds.get(name, 0.0) / records for name, records in sorted(run.records.items()) if records}


def latency(seconds: Iterable[float]) -> Latency | None:
    """Return quantiles, each an observed value; None without values."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99))
    return Latency(len(ordered), p50, p95, p99)
