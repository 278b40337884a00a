"""What two sides cost: CPU seconds of runs, and how long live posts waited. Pure functions."""

from collections.abc import Iterable

import msgspec

from schemas.messages import Run
from streams.topology import STAGES


class StageCost(msgspec.Struct, frozen=True):
    """CPU seconds per record of one stage; None where a side did not run it."""

    stage: str
    before_s: float | None
    after_s: float | None


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds of both sides."""

    stages: list[StageCost]
    ratio: float | None
    """After to before, over the stages that both ran; None if that is none."""


class Waiting(msgspec.Struct, frozen=True):
    """Seconds from a post being seen to its verdict."""

    n: int
    p50_s: float
    p95_s: float
    p99_s: float


def cost(before: Run | None, after: Run) -> Cost:
    """Compare what was spent; a side without a run was not measured."""
    was, now = per_record(before) if before is not None else {}, per_record(after)
    stages = [StageCost(name, was.get(name), now.get(name)) for name in STAGES if name in was or name in now]
    both = was.keys() & now.keys()
    spent = sum(was[name] for name in both)
    return Cost(stages, sum(now[name] for name in both) / spent if spent else None)


def per_record(run: Run) -> dict[str, float]:
    """Return the CPU seconds that each stage took for one record."""
    return {name: run.seconds.get(name, 0.0) / records for name, records in sorted(run.records.items()) if records}


def waiting(seconds: Iterable[float]) -> Waiting | None:
    """Return quantiles, each a value that was there; None of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99))
    return Waiting(len(ordered), p50, p95, p99)
