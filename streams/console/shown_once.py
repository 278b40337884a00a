"""Pictures that a page shows once: each has an address of its own, which serves it to one person and then no more."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

SHOWN_S = 10.0
"""Time after which the page with a picture makes way for another."""
_MAX_KEPT = 16
"""Pictures that wait to be fetched; the oldest is dropped for a new one."""


class _Kept(NamedTuple):
    account: str
    jpeg: bytes
    ends_s: float


class ShownOnce:
    """Pictures in memory until they are fetched or `SHOWN_S` have passed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, account: str, jpeg: bytes) -> str:
        """Keep a picture for a person; return the last part of its address."""
        self._expire()
        if len(self._kept) >= _MAX_KEPT:
            self._kept.popitem(last=False)
        name = secrets.token_urlsafe(24)
        self._kept[name] = _Kept(account, jpeg, self._clock() + SHOWN_S)
        return name

    def fetch(self, account: str, name: str) -> bytes | None:
        """Return a picture and drop it; None if it was fetched, is too old, or is another person's."""
        self._expire()
        kept = self._kept.get(name)
        if kept is None or kept.account != account:
            return None
        return self._kept.pop(name).jpeg

    def _expire(self) -> None:
        while self._kept and next(iter(self._kept.values())).ends_s <= self._clock():
            self._kept.popitem(last=False)
