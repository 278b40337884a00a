"""CPU time of this process and its children, also of those still running."""

import os
import resource
from pathlib import Path

_FIELDS = slice(11, 15)
"""User and system time of a process and of its ended children in /proc/PID/stat, after the name."""


def cpu_s() -> float:
    """Return user and system time, seconds; children that run are counted on Linux only, in ticks of 10 ms."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + _of_children(os.getpid())


def cpu_s_of(pid: int) -> float:
    """Return user and system time of another process and its children, seconds, in ticks of 10 ms; Linux only."""
    return _ticks(pid) / os.sysconf("SC_CLK_TCK") + _of_children(pid)


def children(pid: int | None = None) -> list[int]:
    """Return the numbers of the children that run, of this process by default; Linux only."""
    files = Path(f"/proc/{pid or os.getpid()}/task").glob("*/children")
    return [int(child) for file in files for child in _text(file).split()]


def _of_children(pid: int) -> float:
    return sum(map(cpu_s_of, children(pid)))


def _ticks(pid: int) -> int:
    # The name may contain spaces; the fields after its parenthesis do not.
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[_FIELDS]))


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError:  # the process has ended meanwhile
        return ""
