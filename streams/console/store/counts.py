"""Counts of the console's store, kept by triggers: a page reads those of its own rows, whatever the store holds."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, get_args

from schemas.messages import State
from streams.console.store.database import OWN
from streams.takedown.life import OPEN

STATES: tuple[State, ...] = get_args(State)
_BECOME_LATE = "UPDATE takedowns SET late = 1 WHERE pending AND NOT late AND due_s < ?"
_OWN = OWN.format("case_id")


class CaseCounts(NamedTuple):
    """Numbers of one case, or of several together."""

    states: Mapping[State, int]
    """Of takedowns by state, without zeros."""
    late: int
    """Of overdue takedowns."""
    to_review: int
    """Of posts that wait for a person."""

    @property
    def n_open(self) -> int:
        """Number of takedowns that request a removal, or may yet."""
        return sum(n for state, n in self.states.items() if state in OPEN)

    @property
    def n_found(self) -> int:
        """Number of takedowns."""
        return sum(self.states.values())


class Counts:
    """Numbers by case; whether a takedown is overdue is counted up to the last `pass_time`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def pass_time(self, now_s: float) -> None:
        """Count as overdue what has become so since the last call."""
        self._database.execute(_BECOME_LATE, (now_s,))

    def of(self, case_id: str) -> CaseCounts:
        """Return the numbers of a case."""
        return self.of_cases([case_id])[case_id]

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, CaseCounts]:
        """Return the numbers of each of these cases."""
        marks = ",".join("?" * len(case_ids))
        query = f"SELECT case_id, what, n FROM counts WHERE n > 0 AND case_id IN ({marks})"  # noqa: S608 - question marks
        found: dict[str, dict[str, int]] = {case_id: {} for case_id in case_ids}
        for case_id, what, n in self._database.execute(query, case_ids):
            found[case_id][what] = n
        return {case_id: _counts(of_case.items()) for case_id, of_case in found.items()}

    def of_all(self, owner: str | None = None) -> CaseCounts:
        """Return the numbers of all cases together, or of those of one owner."""
        if owner is None:
            return self.of("")
        query = "SELECT what, sum(n) FROM cases JOIN counts USING (case_id) WHERE opened_by = ? AND n > 0 GROUP BY what"
        return _counts(self._database.execute(query, (owner,)))

    def most_late(self, limit: int, owner: str | None = None) -> list[str]:
        """Return the cases with the most overdue takedowns, of one owner or all."""
        of_cases = f"what = 'late' AND n > 0 AND case_id <> '' AND {_OWN}"
        query = f"SELECT case_id FROM counts WHERE {of_cases} ORDER BY n DESC LIMIT ?"  # noqa: S608 - no text of others in it
        return [case_id for (case_id,) in self._database.execute(query, (owner, owner, limit))]


def _counts(found: Iterable[tuple[str, int]]) -> CaseCounts:
    numbers = dict(found)
    states = {state: numbers[state] for state in STATES if state in numbers}
    return CaseCounts(states, numbers.get("late", 0), numbers.get("to_review", 0))
