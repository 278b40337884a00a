"""What every page of the console needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request

from streams.console.actions import Actions
from streams.console.decisions import Decisions
from streams.console.erasures import Erasures
from streams.console.guard import session_of
from streams.console.leases import Leases
from streams.console.limits import Limits
from streams.console.link_checks import LinkChecks
from streams.console.live_figures import LiveFigures
from streams.console.login.login import Login
from streams.console.openings import Openings
from streams.console.render import Renderer
from streams.console.sessions import Identity, Sessions
from streams.console.shown_once import ShownOnce
from streams.console.store.store import Store
from streams.console.wellbeing import Wellbeing
from streams.desk.case_book import CaseBook
from streams.rights.check import scope_of
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings

type AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Parts of the console that its pages share."""

    settings: Settings
    store: Store
    sessions: Sessions
    renderer: Renderer
    acts: Callable[[Identity], Actions]
    """Acts of a person."""
    decisions: Decisions
    figures: LiveFigures
    openings: Openings
    erasures: Erasures
    link_checks: LinkChecks
    login: Login | None = None
    """Of a team; None where a link lets one person in."""
    limits: Limits = field(default_factory=Limits)
    leases: Leases = field(default_factory=Leases)
    """Review jobs that persons have open."""
    wellbeing: Wellbeing = field(default_factory=Wellbeing)
    """Exposures and breaks of reviewers."""
    shown: ShownOnce = field(default_factory=ShownOnce)
    """Pictures that wait to be shown."""

    def identity(self, request: AnyRequest) -> Identity:
        """Return the person of a request's session, with the pseudonym."""
        return session_of(request.scope).identity

    def person(self, request: AnyRequest) -> Person:
        """Return the person of a request's session."""
        return self.identity(request).person

    def signature(self, request: AnyRequest) -> str:
        """Return the pseudonym that signs what the person of a request decides."""
        return self.identity(request).signature

    def actions(self, request: AnyRequest) -> Actions:
        """Return the acts of the person of a request."""
        return self.acts(self.identity(request))

    def owner(self, request: AnyRequest, right: Right) -> str | None:
        """Return the account whose cases alone the person's right concerns, None for all cases."""
        person = self.person(request)
        return None if scope_of(person, right) == "all" else person.name

    def file_names(self, case_id: str) -> Mapping[str, str]:
        """Return the names of a case's files by reference id, as far as this machine has them."""
        return CaseBook(self.settings).file_names(case_id)
