"""Persons: the system's user, or the claims of a login outside."""

import os
import pwd
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.errors import UsageError
from streams.rights.settings import OidcSettings, Role
from streams.settings import Settings

_MAX_NAME = 200
"""Longest account, characters: it is stored with every act."""


class Person(NamedTuple):
    """Person who acts."""

    name: str
    """Account, which identifies the person. It stays inside; a pseudonym signs what leaves."""
    roles: frozenset[Role]


def current_person(settings: Settings) -> Person:
    """Return the system's user, with the roles of JIKIMI_ROLES."""
    return Person(_account(os.getuid()), frozenset(settings.roles))


def person_of_claims(claims: Mapping[str, object], oidc: OidcSettings) -> Person:
    """Return the person of a verified token's claims.

    Groups without a role in JIKIMI_OIDC_ROLES are passed over; a person without any role has no rights.

    Raises
    ------
    UsageError
        The claim of the account is missing, empty, too long or no printable text.
    """
    name = _find(claims, oidc.name_claim)
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _MAX_NAME:
        raise UsageError(f"the login has no usable claim {oidc.name_claim}: JIKIMI_OIDC_NAME_CLAIM names the account's")
    groups = _texts(_find(claims, oidc.roles_claim))
    return Person(name, frozenset(oidc.roles[group] for group in groups if group in oidc.roles))


def _find(claims: Mapping[str, object], path: str) -> object:
    """Return the claim at a path; a name that has dots itself, such as a URL, is found first."""
    if path in claims:
        return claims[path]
    head, dot, rest = path.partition(".")
    below = claims.get(head)
    return _find(below, rest) if dot and isinstance(below, Mapping) else None


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, Iterable) else []


def _account(uid: int) -> str:
    """Return the name of a user by its id, which no variable of the environment changes."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run under an id without a name
        return f"uid-{uid}"
