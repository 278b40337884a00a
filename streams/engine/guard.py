"""Guard around every handler: outputs delivered before the record is acked, errors turned into dead letters by type."""

import time
import traceback
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractContextManager, aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from opentelemetry.trace import Span

from schemas.codec import Codec
from schemas.ids import record_id
from schemas.messages import DeadLetter, Fate, Message
from streams.engine.attempts import Retry, decode_record, run_attempts
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.outage import OutageError, retry_while_unreachable
from streams.engine.record import Handler, Output, Position, Record
from streams.engine.waiting import Deadline, deadline_of_record
from streams.engine.written import Written, last_written
from streams.errors import RecordError, RegistryError, TransientError, WorkerError, worker_fault
from streams.secrets.redaction import masked
from streams.telemetry import metrics, trace

log = structlog.get_logger()

DEAD_LETTERS = "dead-letters"
_MAX_DETAIL_CHARS = 16_000
"""Of an error's text in a dead letter: some errors print the whole record."""


class Deliver(Protocol):
    """Write one record and return once the broker acknowledged it."""

    def __call__(
        self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]
    ) -> Awaitable[Position | None]:
        """Return its position on the broker, None if that is unknown.

        Raises `UnprocessableError` if the broker never accepts it, any other error if the broker failed.
        """


class DeliveryError(Exception):
    """The broker did not accept an output, or the worker itself failed: it must stop, the record is not at fault."""


@dataclass(slots=True)
class Guard[M: Message]:
    """Process one record to a durable outcome: all outputs delivered, or a dead letter delivered.

    Parameters
    ----------
    stage
        Name in metrics and dead letters.
    timeout_s
        Longest time the handler may take between two outputs, without its waits for a turn (streams/engine/waiting.py).
    patience_s
        Longest wait for a registry that does not answer, or a broker that does not answer the handler's queries.
    """

    stage: str
    codec: Codec
    handler: Handler[M]
    deliver: Deliver
    limit: DeadLetterLimit
    timeout_s: float
    patience_s: float = 120.0
    retry: Retry = field(default_factory=Retry)

    async def __call__(self, record: Record) -> None:
        """Return when the record's outcome is durable.

        Raises
        ------
        DeliveryError, OutageError
            The broker or this machine failed, a full disk for example; the record must not be acked.
        TooManyDeadLettersError
            The worker must stop; the record must not be acked.
        """
        metrics.WAITING_SECONDS.labels(self.stage).observe(max(0.0, time.time() - record.timestamp_s))
        with metrics.STAGE_SECONDS.labels(self.stage).time(), _span(self.stage, record) as span:
            error = await run_attempts(self._attempt, record, self.retry, fatal=(DeliveryError, OutageError))
            if error is None:
                self.limit.passed()
            elif isinstance(error, WorkerError):  # the record is not at fault
                raise DeliveryError(error.detail) from error
            else:
                trace.mark_failed(span, _reason(error))
                await self._write_dead_letter(error, record)
        metrics.INPUT_BYTES.labels(self.stage).inc(len(record.value or b""))

    async def set_aside(self, record: Record, error: RecordError) -> None:
        """Write the dead letter of a record that must not be processed; raises as a call does."""
        await self._write_dead_letter(error, record)

    async def _attempt(self, record: Record) -> None:
        try:
            await retry_while_unreachable(partial(self._run_handler_here, record), self.patience_s)
        except TransientError as error:
            log.warning("record failed for now", stage=self.stage, reason=error.reason, attempt=record.attempt)
            if not record.last_attempt:
                metrics.RETRIES.labels(self.stage, error.reason).inc()
            raise

    async def _run_handler_here(self, record: Record) -> None:
        """Run the handler; an error of any type is the worker's if a fault of its machine is among the causes."""
        try:
            await self._run_handler(record)
        except DeliveryError:
            raise
        except Exception as error:
            if (fault := worker_fault(error)) is None or fault is error:
                raise
            raise fault from error

    async def _run_handler(self, record: Record) -> None:
        message: M = self._decode(record)
        deadline = Deadline(self.timeout_s)
        deadline_of_record.set(deadline)
        async with aclosing(self.handler(message, record)) as outputs:  # type: ignore[type-var]
            while (output := await self._next(outputs, deadline)) is not None:
                try:
                    await self._send(output, record)
                except DeliveryError:
                    # An error of the handler while it is closed would hide that the broker failed.
                    with suppress(Exception):
                        await outputs.aclose()  # type: ignore[attr-defined]
                    raise

    def _decode(self, record: Record) -> M:
        try:
            return decode_record(self.codec, record)  # type: ignore[return-value]
        except ConnectionError as error:
            raise RegistryError(str(error)) from error

    async def _next(self, outputs: AsyncIterator[Output], deadline: Deadline) -> Output | None:
        try:
            async with deadline.running() as timer:
                return await anext(outputs, None)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise TransientError("stage_timeout", f"no output within {self.timeout_s:g} s") from error

    async def _send(self, output: Output, record: Record) -> None:
        try:
            value = None if output.message is None else self.codec.encode(output.topic, output.message)
        except ConnectionError as error:
            raise RegistryError(str(error)) from error
        await self._deliver(output.topic, output.key.encode(), value, record.headers)

    async def _deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:
        try:
            position = await self.deliver(topic, key, value, headers | trace.current_headers())
        except RecordError:
            raise
        except Exception as error:
            raise DeliveryError(f"{self.stage} could not write to {topic}: {error!r}") from error
        last_written.set(None if position is None else Written(topic, *position, value or b""))
        metrics.OUTPUT_BYTES.labels(self.stage, topic).inc(len(value or b""))

    async def _write_dead_letter(self, error: Exception, record: Record) -> None:
        letter = dead_letter(self.stage, error, record, self.retry.attempts)
        self.limit.failed(letter.reason)
        metrics.DEAD_LETTERS.labels(self.stage, letter.reason, letter.fate).inc()
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.warning(
            "dead letter", stage=self.stage, reason=letter.reason, fate=letter.fate, detail=letter.detail, **where
        )
        try:
            value = self.codec.encode(DEAD_LETTERS, letter)
        except ConnectionError as failure:
            raise DeliveryError(f"{self.stage} could not write a dead letter: {failure}") from failure
        await self._deliver(DEAD_LETTERS, record.key or b"", value, record.headers)


def dead_letter(stage: str, error: Exception, record: Record, attempts: int) -> DeadLetter:
    """Return the dead letter for a record that ended with this error."""
    fate: Fate = "bug"
    if isinstance(error, RecordError):
        fate = "transient" if isinstance(error, TransientError) else "unprocessable"
    reason = _reason(error)
    return DeadLetter(
        dead_letter_id=record_id("dead-letter", stage, record.topic, record.partition, record.offset, reason),
        stage=stage,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        fate=fate,
        detail=_writable(str(error) or type(error).__name__),
        traceback=_writable("".join(traceback.format_exception(error))) if fate == "bug" else None,
        key=record.key,
        value=record.value,
        headers=record.headers,
        attempts=attempts if fate == "transient" else 1,
        at=datetime.now(UTC),
    )


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, RecordError) else "bug"


def _span(stage: str, record: Record) -> AbstractContextManager[Span]:
    return trace.span(
        stage,
        record.topic,
        record.headers,
        messaging_destination_partition_id=str(record.partition),
        messaging_kafka_offset=record.offset,
        messaging_message_body_size=len(record.value or b""),
    )


def _writable(text: str) -> str:
    """Return the end of a text without secrets and as UTF-8, which Avro requires: file names may hold other bytes."""
    return masked(text)[-_MAX_DETAIL_CHARS:].encode("utf-8", "backslashreplace").decode("utf-8")
