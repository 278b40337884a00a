"""Transactional producer: readers receive all records of a transaction or none; a newer writer fences an older one."""

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
from streams.topology import group_prefix

log = structlog.get_logger()

_TRANSACTION_S = 10.0
"""Transaction timeout: how long a killed writer blocks readers, unless it restarts sooner."""
_ANSWER_S, _CLUSTER_S = 5.0, 20.0
"""Longest wait in one call of a step, which is repeated, and for the cluster's id, which is asked for once."""
_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - its public name
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}
_UNREACHABLE = {
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - likewise
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}
_EMBEDDED_CLUSTER = "tansu_cluster"
"""Cluster id of the embedded broker, which accepts transaction requests and ignores them."""


def has_transactions(settings: Settings) -> bool:
    """Return whether the broker implements transactions."""
    return bool(AdminClient(client_config(settings)).list_topics(timeout=_CLUSTER_S).cluster_id != _EMBEDDED_CLUSTER)


class TakenOverError(UsageError):
    """Another process writes under the same name now."""


class LostTransactionError(UsageError):
    """The last transaction was committed or not, and its producer cannot find out: it is of no more use."""


class TransactionWriter(TopicWriter):
    """Producer that writes in transactions; a newer writer of the same name fences it.

    Parameters
    ----------
    name
        Name of the writer, the same after a restart; part of its transactional id.
    patience_s
        Longest wait for the broker; `start_grace_s` by default.
    transaction_s
        Longest transaction. If its writer is killed it blocks readers so long, or until the next writer starts.
    """

    def __init__(
        self, settings: Settings, name: str, *, patience_s: float | None = None, transaction_s: float = _TRANSACTION_S
    ) -> None:
        self._name = group_prefix(settings) + name
        self._patience_s = patience_s or max(settings.start_grace_s, 1.0)
        self._transaction_s = transaction_s
        self._begun_s = time.monotonic()
        self._undelivered: KafkaError | None = None
        self._transactional = has_transactions(settings)
        if not self._transactional:
            log.warning("this broker has no transactions: records may be written twice after a crash")
            super().__init__(settings)
            return
        timeout_ms = int(transaction_s * 1000)
        super().__init__(
            settings,
            transactional_id=self._name,
            transaction_timeout_ms=timeout_ms,
            delivery_timeout_ms=timeout_ms,
            linger_ms=0,
        )

    def start(self) -> None:
        """End the open transaction of an earlier writer of this name, and fence that writer.

        Raises
        ------
        UsageError
            The broker refuses.
        """
        if self._transactional:
            self._begun_s = time.monotonic()
            self._retry(self._producer.init_transactions)

    def write_transaction(self, write: Callable[[], None]) -> None:
        """Write records in one transaction; blocks until it is committed.

        Parameters
        ----------
        write
            Calls this object's `write` and `write_bytes`; called again if the transaction was aborted.

        Raises
        ------
        TakenOverError
            A newer writer of this name fenced this one.
        LostTransactionError
            The broker did not answer for `patience_s`, or has ended the transaction after its timeout.
        UsageError
            No commit succeeded for `patience_s`.
        """
        if not self._transactional:
            write()
            self.flush()
            return
        deadline_s = time.monotonic() + self._patience_s
        while (failure := self._attempt(write)) is not None:
            if time.monotonic() > deadline_s:
                kind = LostTransactionError if failure.code() in _UNREACHABLE else UsageError
                raise kind(f"{self._name} could not be written: {failure.str()}")
            log.warning("transaction retried", writer=self._name, error=failure.str())
            self._retry(self._producer.abort_transaction)

    def _attempt(self, write: Callable[[], None]) -> KafkaError | None:
        """Write one transaction; return the error after which it must be aborted, None when it is committed."""
        try:
            self._begin()
            write()
            self._retry(self._producer.commit_transaction)
        except KafkaException as error:
            self._raise_fatal(error)
            failure: KafkaError = error.args[0]
            return self._undelivered or failure
        return None

    def _begin(self) -> None:
        self._begun_s, self._undelivered = time.monotonic(), None
        self._producer.begin_transaction()

    def _retry(self, step: Callable[[float], None]) -> None:
        """Call a step of a transaction, and again while its errors are retriable."""
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                return step(_ANSWER_S)
            except KafkaException as error:
                self._raise_fatal(error)
                failure: KafkaError = error.args[0]
                if not failure.retriable():
                    raise
                if time.monotonic() > deadline_s:
                    raise LostTransactionError(f"{self._name} could not be written: {failure.str()}") from error

    def _raise_fatal(self, error: KafkaException) -> None:
        failure: KafkaError = error.args[0]
        if failure.code() in _FENCED and time.monotonic() < self._begun_s + self._transaction_s:
            raise TakenOverError(f"{self._name} was taken over by another process, which runs now") from error
        if failure.code() in _FENCED or failure.fatal():
            raise LostTransactionError(f"{self._name}, started again, can go on: {failure.str()}") from error

    def _delivered(self, error: KafkaError | None, delivery: Delivery) -> None:
        if self._transactional:  # the commit fails
            self._undelivered = self._undelivered or error
        else:
            super()._delivered(error, delivery)
