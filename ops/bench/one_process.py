"""Memory of a bench's own process, and stand-ins for what a stage needs and a bench without a broker does not have."""

import os
from pathlib import Path
from typing import NoReturn


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


async def nothing() -> None:
    """Return at once, where a stage would wait for the broker."""


def fail(error: Exception) -> NoReturn:
    """Raise the error on which a stage would stop its worker."""
    raise error
