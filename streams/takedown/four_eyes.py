"""Takedowns that wait for the second person of their case."""

from collections.abc import Iterable

from streams.cases.four_eyes import unconfirmed
from streams.cases.open_cases import OpenCases
from streams.cases.reference_reviews import ReferenceReviews


class FourEyes:
    """The four-eyes rule over the open cases and the reviews of them.

    Parameters
    ----------
    always
        Whether every case waits, whatever its entry requires: a person who can write cases must not be able to let one
        act alone.
    """

    def __init__(self, cases: OpenCases, reviews: ReferenceReviews, *, always: bool) -> None:
        self._cases = cases
        self._reviews = reviews
        self._always = always

    def unconfirmed(self, case_id: str, references: Iterable[str]) -> set[str]:
        """Return those of a case's references that no second person has confirmed; without an open case all."""
        case = self._cases.case(case_id)
        if case is None or self._always or case.policy.four_eyes:
            opened_by = case.opened_by if case is not None else ""
            return unconfirmed(opened_by, self._reviews.confirmation(case_id), references)
        return set()
