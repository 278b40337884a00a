"""Rights that concern own cases only: who opened a case."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from schemas.messages import Case, Takedown
from streams.cases.entries import case_key, read_cases, read_keys
from streams.errors import UsageError
from streams.kafka.messages import read_messages
from streams.rights.check import is_own, require, scope_of
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings


def require_case(settings: Settings, person: Person, right: Right, case_id: str) -> None:
    """Return if a person has a right on a case; who opened it is read only where that matters.

    Raises
    ------
    UsageError
        The person has not; there is no such open case; or the broker does not answer.
    """
    require(person, right)
    if scope_of(person, right) == "own":
        require(person, right, opener(_cases(settings).get(case_id, [])))


def require_open_case(settings: Settings, person: Person, right: Right, case_id: str) -> None:
    """Return if a case is open and a person has a right on it; raises as `require_case` does."""
    require_case(settings, person, right, case_id)
    if case_key(case_id) not in asyncio.run(read_keys(settings)):
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")


def require_case_or_takedown(settings: Settings, person: Person, right: Right, identifier: str) -> None:
    """Return if a person has a right on a case or a takedown of this id; raises as `require_case` does."""
    require(person, right)
    if scope_of(person, right) == "own":
        is_case = identifier in _cases(settings)
        (require_case if is_case else require_takedown)(settings, person, right, identifier)


def require_takedown(settings: Settings, person: Person, right: Right, takedown_id: str) -> None:
    """Return if a person has a right on the case of a takedown; raises as `require_case` does."""
    require(person, right)
    if scope_of(person, right) == "own":
        found = asyncio.run(read_messages(settings, "takedowns", Takedown, takedown_id))
        of_it = [event.case_id for event in found if event.takedown_id == takedown_id]
        require_case(settings, person, right, of_it[-1] if of_it else "")


def visible_cases(settings: Settings, person: Person, right: Right) -> frozenset[str] | None:
    """Return the open cases on which a person has a right, None for all; raises as `require_case` does."""
    require(person, right)
    if scope_of(person, right) == "all":
        return None
    return frozenset(case_id for case_id, entries in _cases(settings).items() if is_own(person, opener(entries)))


def require_any(person: Person, right: Right, case_id: str | None) -> None:
    """Return if a case is named, or the person has the right on all cases.

    Raises
    ------
    UsageError
        Otherwise.
    """
    if case_id is None and scope_of(person, right) == "own":
        raise UsageError(f"{person.name} sees only own cases: name one with --case")


def opener(entries: Iterable[Case]) -> str:
    """Return the account that opened a case, empty if it is not known."""
    return next((entry.opened_by for entry in entries if entry.policy is not None or entry.benign), "")


def _cases(settings: Settings) -> Mapping[str, Sequence[Case]]:
    return asyncio.run(read_cases(settings))
