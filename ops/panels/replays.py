"""Two replays of the same window: the verdicts must be the same bytes in the same order."""

import os
import subprocess
import sys
from datetime import UTC, datetime

from ops.broker.raw import Broker, Kept
from ops.panels.system import System

_REPLAY_S = 300.0

type Verdicts = dict[int, list[Kept]]
"""All records, complete and in order, by partition."""


def replayed_verdicts(system: System) -> tuple[Verdicts, Verdicts]:
    """Replay the input so far twice, from its descriptors on, and return both runs' verdicts.

    Raises
    ------
    RuntimeError
        If a replay failed; the message is its own.
    """
    until = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for run in ("first", "second"):
        arguments = ["replay", "--run", run, "--from", "descriptors", "--until", until]
        done = subprocess.run(  # noqa: S603  # our own command line
            [sys.executable, "-m", "streams.cli", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_REPLAY_S,
            env={**os.environ, **system.environment},
        )
        if done.returncode:
            raise RuntimeError(f"jikimi {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    broker = Broker(system.settings.bootstrap_servers, system.settings.topic_prefix)
    return broker.read("verdicts.first"), broker.read("verdicts.second")
