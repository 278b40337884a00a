"""Media seconds for a CPU second, from the file to its description, on the same files of a minute and of ten seconds.

Beside it vPDQ's rule (PDQ of one frame a second, the package pdqhash) and SSCD of one frame a second, both of which
decode every frame. The start of the decoder's process is left out: it serves many posts.
"""

import asyncio
import statistics
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ops.bench.first_pass.__main__ import FirstPass, child_start
from ops.bench.first_pass.files import SHAPES, demonstration, make
from ops.bench.peers.peer import duration_s
from ops.bench.suite.models import load_models
from ops.bench.suite.section import Figures, Run, not_measured
from streams.evaluation.cpu import cpu_s

_FILES, _FULL_FILES = 4, 16
_ROUNDS = 3
_LENGTHS_S = (60, 10)

type Describe = Callable[[list[Path]], float]
"""Returns the CPU seconds of these files."""


def measure(run: Run) -> Figures:
    """Return the rate of each method by length of the files, and its ratio to ours, the median of some rounds."""
    run.note("files")
    made = make(run.folder, demonstration(), run.size(_FILES, _FULL_FILES), run.seed)
    methods, missing = _methods(made)
    figures: Figures = {}
    for length_s in _LENGTHS_S:
        run.note(f"files of {length_s} s")
        files = [file for shape in SHAPES if shape.seconds == length_s for file in made[shape.name]]
        figures |= _compared(files, length_s, methods)
        figures |= {f"{name}_ratio_{length_s}s": why for name, why in missing.items()}
    return figures


def _compared(files: list[Path], length_s: int, methods: dict[str, Describe]) -> Figures:
    media_s = sum(duration_s(file) for file in files)
    used: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(_ROUNDS):  # in turns, so that all run under the same load
        for name, describe in methods.items():
            used[name].append(describe(files))
    figures: Figures = {f"{name}_rate_{length_s}s": round(media_s / statistics.median(used[name]), 1) for name in used}
    ours = used.pop("ours")
    for name, theirs in used.items():
        ratio = statistics.median(their / our for their, our in zip(theirs, ours, strict=True))
        figures[f"{name}_ratio_{length_s}s"] = round(ratio, 2)
    return figures


def _methods(made: dict[str, list[Path]]) -> tuple[dict[str, Describe], dict[str, str]]:
    """Return the methods, and why others are missing."""
    any_file = next(iter(made.values()))[0]
    first = FirstPass(load_models())
    first.steps([any_file])  # everything is loaded
    start_s = statistics.median(asyncio.run(child_start(any_file)) for _ in range(_ROUNDS))
    found: dict[str, Describe] = {"ours": lambda files: asyncio.run(first.whole(files)) - start_s}
    if find_spec("pdqhash") is None:
        return found, dict.fromkeys(("vpdq", "sscd"), not_measured("pdqhash is not installed (dependency group bench)"))
    from ops.bench.peers.visual import Sscd, Vpdq  # noqa: PLC0415 - imports pdqhash

    return found | {"vpdq": _peer(Vpdq().describe), "sscd": _peer(Sscd("sscd-distilled").describe)}, {}


def _peer(describe: Callable[[Path], object]) -> Describe:
    def used(files: list[Path]) -> float:
        before_s = cpu_s()
        for file in files:
            describe(file)
        return cpu_s() - before_s

    return used
