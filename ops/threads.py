"""Work in a thread beside a block of code."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def running_beside(work: Callable[[threading.Event], None], name: str) -> Iterator[None]:
    """Run this in a thread until the block ends; it must return soon after its event is set."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
