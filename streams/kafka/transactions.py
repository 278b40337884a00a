"""Writing records that are seen all together or not at all, by one writer of a name at a time."""

import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Delivery
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.producer import TopicWriter
from streams.settings import Settings
from streams.topology import group_start

log = structlog.get_logger()

_TRANSACTION_S = 10.0
"""How long the records of a writer that was killed hold up readers, unless it is started again sooner."""
_ANSWER_S = 5.0
_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - its public name
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}
_WITHOUT = "tansu_cluster"
"""How the embedded broker calls itself; it answers to transactions and does nothing about them."""


def has_transactions(settings: Settings) -> bool:
    """Return whether the broker does what it answers to transactions."""
    return bool(AdminClient(client_config(settings)).list_topics(timeout=_ANSWER_S).cluster_id != _WITHOUT)


class TransactionWriter(TopicWriter):
    """Writes in transactions; a later writer of the same name fences this one.

    Parameters
    ----------
    name
        The writer's, the same after a restart.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = group_start(settings) + name
        self._patience_s = max(settings.start_grace_s, 1.0)
        self._transactional = has_transactions(settings)
        if not self._transactional:
            log.warning("this broker has no transactions: what is written when the program dies may be written twice")
            super().__init__(settings)
            return
        timeout_ms = int(_TRANSACTION_S * 1000)
        super().__init__(
            settings,
            transactional_id=self._name,
            transaction_timeout_ms=timeout_ms,
            delivery_timeout_ms=timeout_ms,
            linger_ms=0,
        )

    def start(self) -> None:
        """End what an earlier writer of this name left open, and keep it from writing more.

        Raises
        ------
        UsageError
            The broker refuses.
        """
        if self._transactional:
            self._insist(self._producer.init_transactions)

    def write_together(self, write: Callable[[], None]) -> None:
        """Call `write`, whose records readers then see all together; blocks until the broker has them.

        Parameters
        ----------
        write
            Calls this object's `write` and `write_bytes`; called again if the broker gave the transaction up.

        Raises
        ------
        UsageError
            Another writer of this name took over, or the broker took nothing for `start_grace_s`.
        """
        if not self._transactional:
            write()
            self.flush()
            return
        deadline_s = time.monotonic() + self._patience_s
        while (failure := self._try(write)) is not None:
            if time.monotonic() > deadline_s:
                raise UsageError(f"{self._name} could not be written: {failure.str()}")
            log.warning("written again", writer=self._name, error=failure.str())
            self._insist(self._producer.abort_transaction)

    def _try(self, write: Callable[[], None]) -> KafkaError | None:
        """Write in one transaction; return why it has to be aborted, None when it is done."""
        try:
            self._producer.begin_transaction()
            write()
            self._insist(self._producer.commit_transaction)
        except KafkaException as error:
            self._raise_fatal(error)
            failure: KafkaError = error.args[0]
            return failure
        return None

    def _insist(self, step: Callable[[float], None]) -> None:
        """Do a step of a transaction, going on with it for as long as the broker only needs more time."""
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                return step(_ANSWER_S)
            except KafkaException as error:
                self._raise_fatal(error)
                if not error.args[0].retriable() or time.monotonic() > deadline_s:
                    raise

    def _raise_fatal(self, error: KafkaException) -> None:
        failure: KafkaError = error.args[0]
        if failure.code() in _FENCED:
            raise UsageError(
                f"{self._name} was taken over by another process, or stood still for {_TRANSACTION_S:g} s: "
                "start it again if no other runs"
            ) from error
        if failure.fatal():
            raise UsageError(f"{self._name}: {failure.str()}") from error

    def _delivered(self, error: KafkaError | None, delivery: Delivery) -> None:
        if not self._transactional:  # else the commit tells
            super()._delivered(error, delivery)
