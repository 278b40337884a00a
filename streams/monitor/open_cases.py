"""Number of open cases, from the keys of the cases topic."""

from streams.monitor.followed_topic import FollowedTopic
from streams.settings import Settings
from streams.telemetry import metrics


class OpenCaseCount(FollowedTopic):
    """Ids of the open cases; descriptors are not decoded.

    A case has a policy entry, whose key is its id; the other keys have a slash. An allow-list has no policy.
    """

    def __init__(self, settings: Settings) -> None:
        self._case_ids: set[bytes] = set()
        super().__init__(settings, "cases")

    def set_metrics(self) -> None:
        """Set the metric of open cases."""
        metrics.OPEN_CASES.set(len(self._case_ids))

    def clear(self) -> None:
        """Empty the state."""
        self._case_ids.clear()

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Add a case at its policy entry, remove it at its tombstone."""
        if value is None:
            self._case_ids.discard(key)
        elif key and b"/" not in key:
            self._case_ids.add(key)
