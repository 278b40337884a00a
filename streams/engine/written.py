"""Position of a handler's last output on the broker: read by the handler once its `yield` of the output returns."""

from contextvars import ContextVar
from typing import NamedTuple


class Written(NamedTuple):
    """One record that the broker has acknowledged."""

    topic: str
    """Without prefix."""
    partition: int
    offset: int
    value: bytes


last_written: ContextVar[Written | None] = ContextVar("last_written", default=None)
"""The last output of the record in process; None where outputs go to no broker, as in a replay."""
