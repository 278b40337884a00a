"""Pending takedowns: their number and age by state, from the takedowns topic."""

from datetime import datetime
from typing import get_args

import structlog

from schemas.codec import WireError
from schemas.messages import State, Takedown
from streams.kafka.clients import create_codec
from streams.monitor.followed_topic import FollowedTopic
from streams.settings import Settings
from streams.takedown.life import pending
from streams.telemetry import metrics

log = structlog.get_logger()

_CLOCKS_S = {"24h": 24 * 3600.0, "48h": 48 * 3600.0}
_STATES = tuple(state for state in get_args(State) if pending(state) or state == "held")
"""A law's clock runs on while a takedown is held."""


class PendingTakedowns(FollowedTopic):
    """Takedowns with an open request to a platform, and held ones: state over the whole takedowns topic."""

    def __init__(self, settings: Settings) -> None:
        self._codec = create_codec(settings)
        self._pending: dict[str, tuple[State, datetime]] = {}
        super().__init__(settings, "takedowns")

    def set_metrics(self, now_s: float) -> None:
        """Set the metrics of pending takedowns."""
        ages_s = [(state, max(0.0, now_s - since.timestamp())) for state, since in self._pending.values()]
        for state in _STATES:
            of_state = [age_s for its, age_s in ages_s if its == state]
            metrics.TAKEDOWNS_PENDING.labels(state).set(len(of_state))
            metrics.TAKEDOWN_AGE_SECONDS.labels(state).set(max(of_state, default=0.0))
        for clock, limit_s in _CLOCKS_S.items():
            metrics.TAKEDOWNS_OVERDUE.labels(clock).set(sum(age_s > limit_s for _, age_s in ages_s))

    def clear(self) -> None:
        """Empty the state."""
        self._pending.clear()

    def apply(self, key: bytes, value: bytes | None) -> None:  # noqa: ARG002 - the event has it
        """Apply one event."""
        try:
            event = self._codec.decode("takedowns", value or b"")
        except WireError as error:
            log.warning("takedown cannot be decoded", reason=error.reason)
            return
        assert isinstance(event, Takedown)
        _, since = self._pending.pop(event.takedown_id, (None, event.at))
        if event.state in _STATES:
            self._pending[event.takedown_id] = event.state, since
