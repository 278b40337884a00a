"""Wait for the broker, so that a command that cannot reach it ends with one line."""

import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError
from streams.kafka.advertised import Advertised, look_at, unreachable_in
from streams.kafka.clients import client_config
from streams.settings import Settings

_CALL_S = 1.0
"""Longest wait in one call, which Ctrl-C cannot interrupt."""
_RETRY_S = 0.5
_CAUSES = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE}  # noqa: SLF001 - their public names


def wait_for_broker(settings: Settings) -> None:
    """Return once the broker answers, and one of the addresses that its cluster advertises can be connected to.

    Raises
    ------
    UsageError
        The broker did not answer within `start_grace_s`, or only at the address that it was asked at: a client
        connects to the addresses that the brokers advertise.
    """
    client_errors: list[KafkaError] = []
    client = AdminClient(client_config(settings) | {"error_cb": client_errors.append})
    deadline_s = time.monotonic() + settings.start_grace_s
    while True:
        try:
            cluster = client.list_topics(timeout=max(0.1, min(_CALL_S, deadline_s - time.monotonic())))
        except KafkaException as error:
            if time.monotonic() < deadline_s:
                continue
            raise UsageError(_failure(settings, client, client_errors, error)) from error
        if not (advertised := look_at(cluster)).none_answers:
            return
        if time.monotonic() > deadline_s:
            raise UsageError(_misadvertised(settings, advertised))
        time.sleep(_RETRY_S)


def no_answer(settings: Settings, reason: str) -> str:
    """Return what a person reads where no broker answers, with what to do next."""
    remedy = "is it running, and is this the address (JIKIMI_BOOTSTRAP_SERVERS)? `jikimi doctor` checks the connection"
    return f"no Kafka broker answers at {settings.bootstrap_servers}: {reason}; {remedy}"


def _failure(settings: Settings, client: AdminClient, errors: list[KafkaError], error: KafkaException) -> str:
    reason = underlying_error(client, errors, error).str()
    if (advertised := unreachable_in(one.str() for one in errors)).unreachable:
        return _misadvertised(settings, advertised)
    return no_answer(settings, reason)


def _misadvertised(settings: Settings, advertised: Advertised) -> str:
    return f"{advertised.sentence(settings.bootstrap_servers)}; correct its advertised.listeners"


def underlying_error(client: AdminClient, client_errors: Iterable[KafkaError], error: KafkaException) -> KafkaError:
    """Return the reason why a broker does not answer: only the client's error_cb receives errors like a wrong password.

    Parameters
    ----------
    client_errors
        Errors passed to the client's error_cb, to which this function may add.
    error
        Error raised by the client; states only that there was no answer.
    """
    client.poll(0)
    raised: KafkaError = error.args[0]
    return next((cause for cause in client_errors if cause.code() in _CAUSES), raised)
