"""Waiting for the broker, so that a command that cannot reach it says so in one line."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.clients import client_config
from streams.errors import UsageError
from streams.settings import Settings

_LOOK_S = 1.0
"""Longest wait in one call, which Ctrl-C cannot interrupt."""


def reach_broker(settings: Settings) -> None:
    """Return once the broker answers.

    Raises
    ------
    UsageError
        It did not within `start_grace_s`.
    """
    client = AdminClient(client_config(settings))
    deadline_s = time.monotonic() + settings.start_grace_s
    while True:
        try:
            client.list_topics(timeout=max(0.1, min(_LOOK_S, deadline_s - time.monotonic())))
        except KafkaException as error:
            if time.monotonic() < deadline_s:
                continue
            reason = error.args[0].str()
            raise UsageError(f"no Kafka broker answers at {settings.bootstrap_servers}: {reason}") from error
        return
