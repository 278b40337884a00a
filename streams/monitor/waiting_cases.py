"""Cases that wait for their second person: their number and age, from the cases and the standings."""

from schemas.messages import Standing
from streams.cases.four_eyes import Confirmation, confirmation_of, unconfirmed
from streams.monitor.followed_topic import FollowedTopic
from streams.monitor.open_cases import OpenCases
from streams.settings import Settings
from streams.telemetry import metrics


class WaitingCases(FollowedTopic):
    """Open cases under the four-eyes rule with a reference that no second person has confirmed.

    The work of an update is that of the cases that have changed. A confirmation takes about 100 bytes for each of its
    references.

    Parameters
    ----------
    cases
        Open cases, which are read before.
    """

    def __init__(self, settings: Settings, cases: OpenCases) -> None:
        self._always = settings.four_eyes
        self._cases = cases
        self._confirmations: dict[bytes, Confirmation] = {}
        self._waiting: dict[bytes, float] = {}
        """Time of opening, seconds since the epoch."""
        super().__init__(settings, "standings")

    def set_metrics(self, now_s: float) -> None:
        """Set the metrics of waiting cases."""
        for case_id in self._cases.changed:
            self._waiting.pop(case_id, None)
            if self._waits(case_id):
                self._waiting[case_id] = self._cases.opened[case_id].opened_s
        self._cases.changed.clear()
        metrics.UNCONFIRMED_CASES.set(len(self._waiting))
        metrics.UNCONFIRMED_CASE_AGE_SECONDS.set(max(0.0, now_s - min(self._waiting.values(), default=now_s)))

    def clear(self) -> None:
        """Empty the state."""
        self._cases.changed.update(self._confirmations)
        self._confirmations.clear()

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Apply the review of a case; those of references, whose keys have a slash, change nothing."""
        if b"/" in key:
            return
        self._cases.changed.add(key)
        confirmation = confirmation_of(self.decoded(Standing, key, value)) if value is not None else None
        if confirmation is None:
            self._confirmations.pop(key, None)
        else:
            self._confirmations[key] = confirmation

    def _waits(self, case_id: bytes) -> bool:
        opened = self._cases.opened.get(case_id)
        if opened is None or not (self._always or opened.four_eyes):
            return False
        references = self._cases.references(case_id)
        return bool(unconfirmed(opened.opened_by, self._confirmations.get(case_id), references))
