"""Ending in order when the program is told to."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopping_on_signals(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` on Ctrl-C or SIGTERM: a program must not die amid a transaction, which would hold up readers."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
