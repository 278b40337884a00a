"""Check of a person's right to an act."""

from streams.errors import UsageError
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.rights.table import RIGHTS, Right, Scope


def scope_of(person: Person, right: Right) -> Scope:
    """Return the widest scope that the roles of a person give."""
    scopes = {RIGHTS[right].scope(role) for role in person.roles}
    return "all" if "all" in scopes else "own" if "own" in scopes else ""


def require(person: Person, right: Right, case_owner: str | None = None) -> None:
    """Return if a person has a right.

    Parameters
    ----------
    case_owner
        Account that opened the case, empty if that is not known; None asks whether the person has the right to any
        case at all, or where no case is concerned.

    Raises
    ------
    UsageError
        The person has not.
    """
    meaning, scope = RIGHTS[right].meaning, scope_of(person, right)
    if not scope:
        granted = " or ".join(role for role in ROLES if RIGHTS[right].scope(role))
        held = ", ".join(sorted(person.roles)) or "no role"
        raise UsageError(f"{person.name} may not {meaning}: that takes the role {granted}, and the person has {held}")
    if scope == "own" and case_owner is not None and not is_own(person, case_owner):
        raise UsageError(f"{person.name} may {meaning} only where the person opened the case: this is another's")


def is_own(person: Person, case_owner: str) -> bool:
    """Return whether a person opened the case of this owner; a case without a known owner belongs to no person."""
    return bool(case_owner) and case_owner == person.name
