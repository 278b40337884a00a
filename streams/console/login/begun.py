"""Logins that have begun: what a browser has to bring back, sealed in its cookie, so that nothing is kept here."""

import json
import secrets
from collections.abc import Callable
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken

LONGEST_S = 600
"""Time in which a login has to end, s."""
_MAX_COOKIE = 4000


class Begun(NamedTuple):
    """A login that has begun in one browser."""

    state: str
    nonce: str
    verifier: str
    """Of the code challenge (PKCE)."""
    back: str
    """Path to open afterwards."""


def begin(back: str) -> Begun:
    """Return a new login."""
    return Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), back[:1000])


class Seal:
    """Seals begun logins under a key of this process.

    Parameters
    ----------
    clock
        Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._fernet = Fernet(Fernet.generate_key())
        self._clock = clock

    def close(self, begun: Begun) -> str:
        """Return the value of the cookie."""
        return self._fernet.encrypt_at_time(json.dumps(begun).encode(), int(self._clock())).decode()

    def open(self, cookie: str) -> Begun | None:
        """Return the login of a cookie, None if there is none, it is too old, or no console process sealed it."""
        try:
            text = self._fernet.decrypt_at_time(cookie[:_MAX_COOKIE], LONGEST_S, int(self._clock()))
        except (InvalidToken, ValueError):  # which other characters than ASCII are
            return None
        return Begun(*json.loads(text))
