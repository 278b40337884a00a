"""Sessions of persons: a one-time link or a login opens one, a cookie keeps it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, NamedTuple

from litestar import Response

from streams.rights.person import Person

_HOUR_S = 3600.0


class Policy(NamedTuple):
    """How long sessions last, how many there are, and how their cookie is kept."""

    cookie: str
    is_secure: bool
    """Whether browsers reach the console by https only."""
    idle_s: float
    """Time without a request after which a session ends, s."""
    lifetime_s: float
    """Time after which a session ends in any case, s."""
    most_of_person: int
    """Open at once; the one unused longest ends for a new one."""
    most: int
    """Of all persons; likewise."""


ONE_PERSON = Policy(
    "jikimi_console", is_secure=False, idle_s=4 * _HOUR_S, lifetime_s=24 * _HOUR_S, most_of_person=8, most=8
)
TEAM = Policy(
    "__Host-jikimi_console", is_secure=True, idle_s=_HOUR_S, lifetime_s=12 * _HOUR_S, most_of_person=4, most=1000
)
KEYS = {"copy": "1", "other": "2", "unsure": "3", "escalate": "4", "undo": "u"}
"""Keys of the acts of a review until the person chooses others."""


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
    opened_s: float = 0.0
    cookie: str = field(default="", repr=False)
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
    """Open sessions by cookie, in memory, and the one link that opens the next.

    Parameters
    ----------
    owner
        Person whom the link lets in; None for a team, which logs in.
    """

    def __init__(
        self, owner: Identity | None, policy: Policy = ONE_PERSON, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._open: dict[str, Session] = {}
        self.policy = policy
        self.link = secrets.token_urlsafe(24)
        """Opens one session, then another takes its place."""
        self.announce: Callable[[str], object] = lambda _: None
        """Called with each link that takes the place of a used one."""

    def enter(self, link: str) -> str | None:
        """Return the cookie of a new session, None for a link that was used or never was."""
        if self._owner is None or not compare_digest(self.link.encode(), link.encode()):
            return None
        self.link = secrets.token_urlsafe(24)
        self.announce(self.link)
        return self.open(self._owner)

    def open(self, identity: Identity) -> str:
        """Return the cookie of a person's new session."""
        own = {cookie: one for cookie, one in self._open.items() if one.identity.person.name == identity.person.name}
        for among, most in ((own, self.policy.most_of_person), (self._open, self.policy.most)):
            if len(among) >= most:
                del self._open[min(among, key=lambda cookie: self._open[cookie].used_s)]
        cookie, now_s = secrets.token_urlsafe(24), self._clock()
        self._open[cookie] = Session(now_s, identity, now_s, cookie)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None if it has ended or never was."""
        session, now_s = self._open.get(cookie), self._clock()
        if session is None or (
            now_s - session.used_s > self.policy.idle_s or now_s - session.opened_s > self.policy.lifetime_s
        ):
            self._open.pop(cookie, None)
            return None
        session.used_s = now_s
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        self._open.pop(session.cookie, None)

    def set_cookie(self, answer: Response[Any], cookie: str) -> None:
        """Let a browser keep a session, away from scripts and other sites."""
        answer.set_cookie(
            self.policy.cookie, cookie, httponly=True, secure=self.policy.is_secure, samesite="strict", path="/"
        )
