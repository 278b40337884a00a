"""Four-eyes rule: a case acts on the references that a person other than its opener has confirmed.

A confirmation names the references that the case had, so one that is added later waits for another. The accounts of two
persons are compared, not their pseudonyms, which each may choose. A case whose opener is not known, from before there
were openers, waits like any other: what an entry does not say must not let it act.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.messages import Standing


class Confirmation(NamedTuple):
    """Confirmation of a case by a person."""

    account: str
    references: frozenset[str]
    """References that the case had."""


def confirmation_of(standing: Standing | None) -> Confirmation | None:
    """Return the confirmation in the last review of a case, None if there is none."""
    if standing is None or standing.standing != "confirmed":
        return None
    return Confirmation(standing.account, frozenset(standing.references))


def is_second_person(opened_by: str, account: str) -> bool:
    """Return whether an account is known, and another than the one that opened the case."""
    return bool(account) and account != opened_by


def unconfirmed(opened_by: str, confirmation: Confirmation | None, references: Iterable[str]) -> set[str]:
    """Return the references of a case that no second person has confirmed."""
    if confirmation is None or not is_second_person(opened_by, confirmation.account):
        return set(references)
    return set(references) - confirmation.references
