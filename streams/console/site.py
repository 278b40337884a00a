"""What every page of the console needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.console.actions import Actions
from streams.console.decisions import Decisions
from streams.console.leases import Leases
from streams.console.live_figures import LiveFigures
from streams.console.openings import Openings
from streams.console.render import Renderer
from streams.console.sessions import Sessions
from streams.console.store.store import Store
from streams.desk.case_book import CaseBook
from streams.rights.check import scope_of
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Parts of the console that its pages share."""

    settings: Settings
    store: Store
    sessions: Sessions
    renderer: Renderer
    actions: Actions
    decisions: Decisions
    figures: LiveFigures
    openings: Openings
    person: Person
    """Person of this machine, by its account."""
    signature: str
    """Pseudonym that signs what the person decides."""
    leases: Leases = field(default_factory=Leases)
    """Review jobs that persons have open."""

    def owner(self, right: Right) -> str | None:
        """Return the account whose cases alone the person's right concerns, None for all cases."""
        return None if scope_of(self.person, right) == "all" else self.person.name

    def file_names(self, case_id: str) -> Mapping[str, str]:
        """Return the names of a case's files by reference id, as far as this machine has them."""
        return CaseBook(self.settings).file_names(case_id)
