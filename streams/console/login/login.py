"""Login of a team's persons: from the claims of the provider to the person and the pseudonym."""

import time
from dataclasses import dataclass, field

import httpx

from streams.console.login.begun import Seal
from streams.console.login.provider import Provider, is_safe
from streams.console.sessions import Identity
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What the pages of the login need."""

    provider: Provider
    origin: str
    """Address of the console in the team's browsers."""
    pseudonyms: dict[str, str]
    seal: Seal = field(default_factory=lambda: Seal(time.time))

    @property
    def redirect(self) -> str:
        """Address to which the provider sends the browser back."""
        return f"{self.origin}/login/return"

    def identity(self, person: Person) -> Identity | None:
        """Return the person with the pseudonym, None for one without a pseudonym."""
        signature = self.pseudonyms.get(person.name)
        return Identity(person, signature) if signature else None


def make_login(settings: Settings, client: httpx.AsyncClient) -> Login:
    """Return the login that the settings describe.

    Raises
    ------
    UsageError
        One of them is missing, or cannot be used.
    """
    oidc, console = settings.oidc, settings.console
    needed = {
        "JIKIMI_CONSOLE_ORIGIN": console.origin,
        "JIKIMI_OIDC_ISSUER": oidc.issuer,
        "JIKIMI_OIDC_CLIENT_ID": oidc.client_id,
        "JIKIMI_OIDC_ROLES": oidc.roles,
        "JIKIMI_CONSOLE_PSEUDONYMS": console.pseudonyms,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise UsageError(f"a console for a team needs {', '.join(missing)}: ops/docs/console.md shows how to set them")
    if not is_safe(oidc.issuer):
        raise UsageError(
            "JIKIMI_OIDC_ISSUER has to be an https address: otherwise anybody on the way could change the keys"
        )
    return Login(provider=Provider(oidc, client), origin=console.origin, pseudonyms=console.pseudonyms)
