"""What became of one notice."""

from typing import NamedTuple

from schemas.messages import Notice
from streams.delivery.channels.channel import Answer


class Sent(NamedTuple):
    """One notice and its answer."""

    channel: str
    """Kind of the channel, empty without one."""
    notice: Notice | None
    """None if it could not be written."""
    answer: Answer | None
    """None in a dry run."""
