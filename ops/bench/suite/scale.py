"""Posts a second of one and of two processes with all stages, on the same broker and the same posts."""

from contextlib import ExitStack

from ops.bench.suite.latency import copies, drained
from ops.bench.suite.rig import ALL_STAGES, Rig, rig, several
from ops.bench.suite.section import Figures, Run

_POSTS, _FULL_POSTS = 40, 1_000
_WORKERS = (1, 2)


def measure(run: Run) -> Figures:
    """Return the rates and their ratio; the broker and this process share the cores."""
    (run.folder / "media").mkdir()
    n_posts = run.size(_POSTS, _FULL_POSTS)
    with rig(run.folder, run.folder / "media") as on:
        rates = {}
        for n_workers in _WORKERS:
            run.note(f"{n_workers} workers a stage")
            rates[n_workers] = _rate(on, n_workers, n_posts)
    figures: Figures = {f"posts_per_s_{n_workers}": round(rate, 2) for n_workers, rate in rates.items()}
    return figures | {"ratio": round(rates[2] / rates[1], 2)}


def _rate(on: Rig, n_workers: int, n_posts: int) -> float:
    models = copies(on)
    with ExitStack() as stack:
        workers = [stack.enter_context(on.worker(ALL_STAGES, f"{n_workers}-{at}")) for at in range(n_workers)]
        for worker in workers:
            worker.wait_until_ready()
        drained(on, several(models, 6 * n_workers, f"warm-up-{n_workers}"), workers)
        return drained(on, several(models, n_posts, f"of-{n_workers}"), workers)
