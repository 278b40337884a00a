"""Errors of the broker and the schema registry as one line for the person who gave a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from streams.errors import UsageError
from streams.settings import Settings


@contextmanager
def usage_errors(settings: Settings, remedy: str = "") -> Iterator[None]:
    """Raise errors of the broker within the block as a `UsageError` with its address, those of the schema registry too.

    Parameters
    ----------
    remedy
        End of the message about the broker.
    """
    try:
        yield
    except KafkaException as error:
        raise UsageError(f"{settings.bootstrap_servers}: {error.args[0].str()}{remedy}") from error
    except ConnectionError as error:
        raise UsageError(str(error)) from error  # the schema registry
