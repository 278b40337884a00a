"""Event loop whose clock jumps to the next timer once nothing else can run: hours of waiting take milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Never waits; what it should have waited is added to the clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and nothing will happen")
        if not ready:
            self.now_s += max(0.0, timeout or 0.0)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


def run[T](main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for timers only: neither for threads nor for other processes."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)
