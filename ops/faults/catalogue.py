"""The kinds of faults by name."""

from collections.abc import Callable, Iterable, Mapping

from ops.faults import kills
from ops.faults.plan import KILLS, Planned
from ops.faults.system import System

type Fault = Callable[[System, Planned], Iterable[str]]
"""Does its harm, undoes it, and returns the stages that have to recover from then on."""


class SkippedError(RuntimeError):
    """This machine cannot do the fault; the message says why."""


FAULTS: Mapping[str, Fault] = {name: getattr(kills, name) for name in KILLS}
ALONE: frozenset[str] = frozenset()
"""Kinds that are done while no stage recovers from another one, and with nothing else before it is over."""
OTHERS = tuple(kind for kind in FAULTS if kind not in KILLS)
"""Kinds that are not kills."""
