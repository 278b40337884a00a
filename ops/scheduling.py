"""Scheduling of this process around code that changes it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_scheduling() -> Iterator[None]:
    """Give this thread its scheduling back when the block ends.

    SVT-AV1 gives the thread that encodes real-time priority where it may, as root. Every thread and process that it
    starts later inherits that, and starves all others.
    """
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)
