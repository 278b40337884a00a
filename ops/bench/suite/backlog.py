"""A backlog of a day's descriptors drained by one process of match, fusion and takedown, and its memory meanwhile.

The records are those of ops/bench/flat_memory.py, all written before the worker reads the first; three posts of a
hundred become takedowns.
"""

from ops.bench import flat_memory
from ops.bench.suite.section import Figures, Run

_POSTS, _FULL_POSTS = 3_000, 200_000
_LONGEST_S, _FULL_LONGEST_S = 240.0, 7_200.0
_RETENTION_S = 30.0


def measure(run: Run) -> Figures:
    """Return the rate, the memory at the start, the middle and the end, and its growth."""
    n_posts = run.size(_POSTS, _FULL_POSTS)
    run.note(f"{n_posts} posts")
    plan = flat_memory.Plan(n_posts, run.size(_LONGEST_S, _FULL_LONGEST_S), _RETENTION_S, is_backlog=True)
    samples, outcome = flat_memory.run(plan, run.folder)
    found = flat_memory.figures(samples)
    figures: Figures = {"posts": int(str(found["posts"])), "takedowns": outcome["takedowns"]}
    figures["posts_per_s"] = float(str(found["posts_a_second"]))
    figures["anonymous_mib_per_100000_posts"] = float(str(found["anonymous_mib_per_100000_posts"]))
    at = found["anonymous_mib"]
    assert isinstance(at, dict)
    return figures | {f"anonymous_mib_at_{share.rstrip(chr(37))}": value for share, value in at.items()}
