"""Limit on consecutive dead letters, at which the worker stops instead of draining a topic.

The count travels with the commits (`commit_notes`), so it outlives the process.
"""

from collections import Counter

_BEFORE = "before the restart"


class TooManyDeadLettersError(Exception):
    """Too many dead letters in a row: a broken deployment is more likely than so many broken records."""


class DeadLetterLimit:
    """Counter of consecutive dead letters.

    Parameters
    ----------
    max_in_a_row
        Largest number of dead letters without a successful record in between.
    """

    def __init__(self, max_in_a_row: int) -> None:
        self._max = max_in_a_row
        self._reasons: Counter[str] = Counter()

    @property
    def in_a_row(self) -> int:
        """Number of dead letters since the last successful record."""
        return self._reasons.total()

    def restore(self, in_a_row: int) -> None:
        """Go on counting where the last owner of a partition ended.

        A tenth of the limit always remains: a worker that could write none at all would be stopped for good by one
        broken record, and with it everybody's protection. So a worker that restarts again and again drains a tenth of
        the limit each time.
        """
        missing = min(in_a_row, self._max - max(1, self._max // 10)) - self.in_a_row
        if missing > 0:
            self._reasons[_BEFORE] += missing

    def passed(self) -> None:
        """Reset the count after a successful record."""
        self._reasons.clear()

    def failed(self, reason: str) -> None:
        """Count a dead letter that is about to be written.

        Raises
        ------
        TooManyDeadLettersError
            The limit is exceeded: the dead letter must not be written, nor its record acked.
        """
        self._reasons[reason] += 1
        if self._reasons.total() > self._max:
            reasons = ", ".join(f"{count} {slug}" for slug, count in self._reasons.most_common())
            raise TooManyDeadLettersError(f"more than {self._max} dead letters in a row: {reasons}")
