"""Machine, load and versions of a run: no figure means anything without them."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ops.bench.suite.section import Value

_PACKAGES = ("faust-streaming", "av", "onnxruntime", "numpy", "faiss-cpu", "pymilvus", "milvus-lite", "pdqhash")
_ROOT = Path(__file__).parents[3]
_SHARE_OF_CORES = 0.5
"""Load for each core at the start, above which no figure counts as stable."""


def header(seed: int, *, long: bool) -> dict[str, Value]:
    """Return what describes this machine and this run, the load average of the last minute among it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "size": "long" if long else "quick",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _commit(),
        **{name: _version(name) for name in _PACKAGES},
    }


def is_quiet(found: Mapping[str, Value]) -> bool:
    """Return whether the load at the start lets figures count as stable: at most half the cores."""
    return float(found["load"]) <= _SHARE_OF_CORES * float(found["cores"])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(_ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    return done.stdout.strip() or "unknown"
