"""Transactional writer that outlives outages of the broker.

A broker that was away for longer than the timeout of a transaction has ended it, and accepts nothing more of its
producer. Only another producer helps, and a look at what the lost transaction has left: all of it, or nothing.
"""

import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

from streams.errors import UsageError
from streams.kafka.transactions import LostTransactionError, TakenOverError, TransactionWriter
from streams.kafka.wait_for_broker import wait_for_broker

log = structlog.get_logger()

_OUTAGE_S = 3600.0
"""Longest outage that is outlived."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
"""Between two attempts: the first, and that from which it is doubled no more."""


class LastingWriter(TransactionWriter):
    """Transactional writer that goes on with another producer when one is of no more use."""

    outage_s = _OUTAGE_S
    """Longest outage that is outlived from now on."""
    on_outage: Callable[[str], None] = staticmethod(lambda _: None)
    """Called with what is wrong when a transaction is lost, and with nothing once it is written."""

    def write_once(self, write: Callable[[], None], is_written: Callable[[], bool]) -> None:
        """Write records in one transaction, once, even if the broker is away meanwhile; blocks until it is committed.

        Parameters
        ----------
        write
            As of `write_transaction`.
        is_written
            Returns whether readers have the records; raises a `TakenOverError` if they have others which another
            writer of this name wrote since. Asked for only when a transaction was lost.

        Raises
        ------
        UsageError
            As `write_transaction`, and after an outage of `outage_s`.
        """
        try:
            self.write_transaction(write)
        except LostTransactionError as error:
            self.on_outage("the last transaction is lost, and another producer tries to go on")
            self._outlive(error, write, is_written)
            self.on_outage("")

    def _outlive(self, lost: LostTransactionError, write: Callable[[], None], is_written: Callable[[], bool]) -> None:
        since_s, pause_s = time.monotonic(), _PAUSE_S
        while time.monotonic() < since_s + self.outage_s:
            log.warning("transaction lost: another producer goes on", writer=self._name, error=str(lost))
            try:
                if not self._was_written(is_written):
                    self.write_transaction(write)
            except LostTransactionError as error:
                lost = error
            else:
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise lost

    def _was_written(self, is_written: Callable[[], bool]) -> bool:
        """Begin with another producer; return whether the lost transaction was committed, which is certain then."""
        try:
            wait_for_broker(self.settings)
            is_written()  # before: a process that has taken over and written must not be fenced
            self._producer.purge()
            self._producer = self._connect()
            self.start()
            return is_written()
        except TakenOverError:
            raise
        except (UsageError, KafkaException) as error:
            raise LostTransactionError(str(error)) from error
