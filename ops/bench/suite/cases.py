"""Cost of a post at growing numbers of references, by ops/bench/cases.py, each size in a process of its own."""

from ops.bench import cases
from ops.bench.one_process import alone
from ops.bench.suite.section import Figures, Run

_QUICK, _FULL = (10, 1_000, 10_000), (10, 1_000, 10_000, 100_000)
_SHORT_S, _MINUTE_S = 6, 60
"""Seconds of a reference where its number counts, and where its memory does."""
_POSTS = 20
_KEPT = 1_000
"""References of a minute whose memory is measured."""


def measure(run: Run) -> Figures:
    """Return the cost of a post by number of references, its ratio to that at ten, and a matcher's memory."""
    figures: Figures = {"seconds_of_a_reference": _SHORT_S}
    cost: dict[int, float] = {}
    for number in run.size(_QUICK, _FULL):
        run.note(f"{number} references")
        found = alone(cases.measure, number, _SHORT_S, _POSTS)
        cost[number] = found["visual_ms"] + found["audio_ms"]
        figures |= {f"ms_{number}": round(cost[number], 1), f"found_{number}": found["found"]}
        figures |= {f"open_ms_{number}": found["open_ms"], f"wrong_{number}": found["wrong"]}
        if number > _QUICK[0]:
            figures[f"ratio_{number // 1_000}k"] = round(cost[number] / cost[_QUICK[0]], 2)
    run.note("memory")
    return figures | {"bytes_per_minute": alone(cases.measure, _KEPT, _MINUTE_S, _POSTS)["bytes_a_minute"]}
