"""Orderly stop of a command on SIGINT or SIGTERM."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopping_on_signals(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` on SIGINT or SIGTERM: an open transaction of a killed process would block readers."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
