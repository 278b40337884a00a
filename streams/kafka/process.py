"""Child processes: started with a log in a session of their own, terminated or killed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def start(
    command: Sequence[str], *, log_file: Path = Path(os.devnull), environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that appends its output to the log.

    The session is its own: Ctrl-C at a terminal reaches only the parent, which then stops its children in order.

    Parameters
    ----------
    log_file
        The output is discarded by default.
    environment
        The parent's by default.
    """
    with log_file.open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)  # noqa: S603 - our own command line


def terminate(process: subprocess.Popen[bytes], *, timeout_s: float = 20.0) -> int:
    """Terminate a process and return its exit code; kill it after the timeout."""
    process.terminate()
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return kill(process)


def kill(process: subprocess.Popen[bytes]) -> int:
    """Kill a process and return its exit code."""
    process.kill()
    return process.wait()
