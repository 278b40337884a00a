"""Sessions of persons: a one-time link opens one, a cookie keeps it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import NamedTuple

from streams.rights.person import Person

MAX_SESSIONS = 8
"""Open at once; the one unused longest ends for a new one."""
KEYS = {"copy": "1", "other": "2", "unsure": "3", "escalate": "4", "undo": "u"}
"""Keys of the acts of a review until the person chooses others."""
IDLE_S = 4 * 3600.0
"""Time without a request after which a session ends."""


class Identity(NamedTuple):
    """Person of a session."""

    person: Person
    signature: str
    """Pseudonym that signs what the person decides."""


NOBODY = Identity(Person("", frozenset()), "")


@dataclass(slots=True)
class Session:
    """One browser of a person."""

    used_s: float
    identity: Identity
    language: str = ""
    """Chosen by the person; the browser's if empty."""
    keys: bool = True
    """Whether keys decide reviews."""
    key_of: dict[str, str] = field(default_factory=lambda: dict(KEYS))
    """Key of each act of a review; empty for none."""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Token that every form carries."""

    def owns(self, token: str) -> bool:
        """Return whether a form's token is this session's."""
        return compare_digest(self.csrf.encode(), token.encode())


class Sessions:
    """Open sessions by cookie, and the one link that opens the next.

    Parameters
    ----------
    owner
        Person whom the link lets in.
    """

    def __init__(self, owner: Identity, clock: Callable[[], float] = time.monotonic) -> None:
        self._owner = owner
        self._clock = clock
        self._open: dict[str, Session] = {}
        self.link = secrets.token_urlsafe(24)
        """Opens one session, then another takes its place."""
        self.announce: Callable[[str], object] = lambda _: None
        """Called with each link that takes the place of a used one."""

    def enter(self, link: str) -> str | None:
        """Return the cookie of a new session, None for a link that was used or never was."""
        if not compare_digest(self.link.encode(), link.encode()):
            return None
        self.link = secrets.token_urlsafe(24)
        self.announce(self.link)
        return self.open(self._owner)

    def open(self, identity: Identity) -> str:
        """Return the cookie of a person's new session."""
        if len(self._open) >= MAX_SESSIONS:
            del self._open[min(self._open, key=lambda cookie: self._open[cookie].used_s)]
        cookie = secrets.token_urlsafe(24)
        self._open[cookie] = Session(self._clock(), identity)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None if it has ended or never was."""
        session = self._open.get(cookie)
        if session is None or self._clock() - session.used_s > IDLE_S:
            self._open.pop(cookie, None)
            return None
        session.used_s = self._clock()
        return session

    def leave(self, cookie: str) -> None:
        """End a session."""
        self._open.pop(cookie, None)
