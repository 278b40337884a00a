"""Memory for child processes: how many a worker may run, so that nobody's media can exhaust the machine or the pod."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SHARE = 0.75
"""The rest is for the worker itself and for the system."""
_V1_LIMIT = "memory/memory.limit_in_bytes"


def default_budget() -> int:
    """Return three quarters of this process's memory in bytes: that of the machine, or its control group's limit."""
    return int(_SHARE * min([_machine(), *_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))]))


def most_children(budget_bytes: int, child_bytes: int, most: int) -> int:
    """Return how many children fit, at least one and at most `most`."""
    return max(1, min(most, budget_bytes // child_bytes))


def _machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limits(membership: Path, root: Path) -> Iterator[int]:
    """Yield the limits of a process's control groups; within a container its own group is the root."""
    groups = [root / "memory.max", root / _V1_LIMIT]
    with suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            path = Path(line.split(":", 2)[2].lstrip("/"))
            groups += [root / each / "memory.max" for each in (path, *path.parents)]
    for group in groups:
        with suppress(OSError, ValueError):  # no such group; "max"
            yield int(group.read_text(encoding="ascii"))
