"""When to stop rather than pour a topic into the dead letters."""

from collections import Counter


class TooManyDeadLettersError(Exception):
    """A stage gave up on too many records in a row: a broken deployment is likelier than that much broken input."""


class DeadLetterLimit:
    """Count dead letters in a row.

    Parameters
    ----------
    max_in_a_row
        How many records may be given up on with no good one between them.
    """

    def __init__(self, max_in_a_row: int) -> None:
        self._max = max_in_a_row
        self._reasons: Counter[str] = Counter()

    def passed(self) -> None:
        """Note that a record moved on."""
        self._reasons.clear()

    def failed(self, reason: str) -> None:
        """Note a dead letter about to be written.

        Raises
        ------
        TooManyDeadLettersError
            One more than allowed; it must not be written and its record not be acked.
        """
        self._reasons[reason] += 1
        if self._reasons.total() > self._max:
            reasons = ", ".join(f"{count} {slug}" for slug, count in self._reasons.most_common())
            raise TooManyDeadLettersError(f"more than {self._max} dead letters in a row: {reasons}")
