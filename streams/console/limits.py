"""Limits of requests by session and by address, and lockout of an address after failed logins."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

PER_SESSION, PER_ADDRESS = 1200, 240
"""Requests a minute of one session, and of one address without a session; more are answered 429."""
MAX_FAILURES, LOCKED_S = 10, 900.0
"""Failed logins of an address within the time, s, after which it may try no more until the time has passed."""
MAX_KEYS = 20_000
"""Sessions and addresses that are counted; the one counted longest ago is forgotten."""
_MINUTE_S = 60.0


@dataclass(slots=True)
class _Window:
    since_s: float
    n: int = 0


class Counter:
    """Events by key in windows of fixed length, which begin with the key's first event."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def add(self, key: str) -> int:
        """Count an event; return how many there are above the limit."""
        window = self._windows.pop(key, None)
        if window is None or self._clock() - window.since_s >= self._window_s:
            window = _Window(self._clock())
        window.n += 1
        self._windows[key] = window
        if len(self._windows) > MAX_KEYS:
            self._windows.popitem(last=False)
        return max(0, window.n - self._most)

    def wait_s(self, key: str) -> float:
        """Return the time until a key at its limit has room again, s; 0 below it."""
        window = self._windows.get(key)
        if window is None or window.n < self._most:
            return 0.0
        return max(0.0, self._window_s - (self._clock() - window.since_s))


class Limits:
    """Limits of one console; its tables are in memory and bounded."""

    def __init__(
        self,
        per_session: int = PER_SESSION,
        per_address: int = PER_ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = Counter(per_session, _MINUTE_S, clock)
        self._addresses = Counter(per_address, _MINUTE_S, clock)
        self._failures = Counter(MAX_FAILURES, LOCKED_S, clock)

    def request(self, session: str, address: str) -> int:
        """Count a request; return how many are above the limit of its session, or of its address without one."""
        return self._sessions.add(session) if session else self._addresses.add(network_of(address))

    def failed(self, address: str) -> None:
        """Count a failed login."""
        self._failures.add(network_of(address))

    def locked_s(self, address: str) -> float:
        """Return how long an address may not log in, s; 0 if it may."""
        return self._failures.wait_s(network_of(address))


def network_of(address: str) -> str:
    """Return an address; of IPv6 its network of 64 bits, which is one subscriber's."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(IPv6Address(int(parsed) >> 64 << 64)) if isinstance(parsed, IPv6Address) else address
