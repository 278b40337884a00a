"""Hints for a person, on standard error, so that the output of a command stays what a script expects."""

import sys
from collections.abc import Sequence

from streams.settings import Settings


def hint(line: str) -> None:
    """Print one line."""
    print(line, file=sys.stderr)  # noqa: T201 - output of a command


def hint_workers(settings: Settings, stages: Sequence[str] = ()) -> None:
    """Name the stages without a worker, if any, of these or all; nothing where the broker gives no answer."""
    from streams.kafka.running_stages import stages_without_worker  # noqa: PLC0415 - only some commands need it
    from streams.topology import all_stages  # noqa: PLC0415 - likewise

    missing = [stage for stage in stages_without_worker(settings) if not stages or stage in stages]
    if len(missing) == len(all_stages(settings)):
        hint("no worker is running, so nothing is searched: start one with `jikimi worker all`")
    elif missing:
        hint(f"no worker is running for {', '.join(missing)}: `jikimi worker {' '.join(missing)}`")
