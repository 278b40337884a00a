"""Waiting for the broker, so that a command that cannot reach it says so in one line."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.settings import Settings

_LOOK_S = 1.0
"""Longest wait in one call, which Ctrl-C cannot interrupt."""
_TELLING = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE}  # noqa: SLF001 - their public names


def wait_for_broker(settings: Settings) -> None:
    """Return once the broker answers.

    Raises
    ------
    UsageError
        It did not within `start_grace_s`.
    """
    troubles: list[KafkaError] = []
    client = AdminClient(client_config(settings) | {"error_cb": troubles.append})
    deadline_s = time.monotonic() + settings.start_grace_s
    while True:
        try:
            client.list_topics(timeout=max(0.1, min(_LOOK_S, deadline_s - time.monotonic())))
        except KafkaException as error:
            if time.monotonic() < deadline_s:
                continue
            reason = telling(client, troubles, error).str()
            raise UsageError(f"no Kafka broker answers at {settings.bootstrap_servers}: {reason}") from error
        return


def telling(client: AdminClient, troubles: list[KafkaError], error: KafkaException) -> KafkaError:
    """Return why a broker does not answer: a wrong password is told apart, to the client's error_cb alone.

    Parameters
    ----------
    troubles
        What the client's error_cb was called with.
    error
        What the client raised; says only that there was no answer.
    """
    client.poll(0)
    raised: KafkaError = error.args[0]
    return next((trouble for trouble in troubles if trouble.code() in _TELLING), raised)
