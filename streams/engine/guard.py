"""What stands around every handler: decode, run, deliver, and decide a failed record's fate by the error's type."""

import asyncio
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog
from opentelemetry.trace import Span

from schemas.codec import Codec, WireError
from schemas.ids import record_id
from schemas.messages import DeadLetter, Fate, Message
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.record import Handler, Output, Record
from streams.errors import BrokerError, RecordError, TransientError, UnprocessableError
from streams.telemetry import metrics, trace

log = structlog.get_logger()

DEAD_LETTERS = "dead-letters"
_NO_REGISTRY = "registry_unreachable"
_MOST_LETTERS = 16_000
"""Of an error's own words in a dead letter: some errors print the whole record."""


class Deliver(Protocol):
    """Write one record and return once the broker acknowledged it."""

    def __call__(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> Awaitable[None]:
        """Raise `UnprocessableError` when the broker will never take it, anything else when the broker is at fault."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a `TransientError` is tried again."""

    attempts: int = 4
    base_s: float = 0.5
    max_s: float = 8.0

    def pause_s(self, attempt: int) -> float:
        """Return the exponential pause after this attempt, with full jitter, seconds."""
        return random.uniform(0, min(self.max_s, self.base_s * 2**attempt))  # noqa: S311 - no secret


class DeliveryError(Exception):
    """The broker did not take an output or give an answer: the worker must stop, the record is not at fault."""


@dataclass(slots=True)
class Guard[M: Message]:
    """Bring one record to its end: its outputs delivered, or a dead letter delivered.

    Parameters
    ----------
    stage
        Name in metrics and dead letters.
    timeout_s
        Longest time the handler may take between two outputs.
    """

    stage: str
    codec: Codec
    handler: Handler[M]
    deliver: Deliver
    limit: DeadLetterLimit
    timeout_s: float
    retry: Retry = Retry()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, record: Record) -> None:
        """Return when the record's outcome is durable.

        Raises
        ------
        DeliveryError
            The broker failed; the record must not be acked.
        TooManyDeadLettersError
            The worker must stop; the record must not be acked.
        """
        metrics.WAITING_SECONDS.labels(self.stage).observe(max(0.0, time.time() - record.timestamp_s))
        with metrics.STAGE_SECONDS.labels(self.stage).time(), _span(self.stage, record) as span:
            error = await self._try(record)
            if error is None:
                self.limit.passed()
            else:
                trace.failed(span, _reason(error))
                await self._bury(error, record)
        metrics.INPUT_BYTES.labels(self.stage).inc(len(record.value or b""))

    async def _try(self, record: Record) -> Exception | None:
        """Run the handler, again after transient errors; return the error that ended it."""
        for attempt in range(1, self.retry.attempts + 1):
            try:
                await self._attempt(replace(record, attempt=attempt, last_attempt=attempt == self.retry.attempts))
            except TransientError as error:
                log.warning("record failed for now", stage=self.stage, reason=error.reason, attempt=attempt)
                if attempt == self.retry.attempts:
                    return _of_the_record(error)
                metrics.RETRIES.labels(self.stage, error.reason).inc()
                await self.sleep(self.retry.pause_s(attempt))
            except DeliveryError:
                raise
            except Exception as error:  # noqa: BLE001 - the one place where every error finds its fate
                return error
            else:
                return None
        return None

    async def _attempt(self, record: Record) -> None:
        message: M = self._decode(record)
        async with aclosing(self.handler(message, record)) as outputs:  # type: ignore[type-var]
            while (output := await self._next(outputs)) is not None:
                try:
                    await self._send(output, record)
                except DeliveryError:
                    # What a handler raises while it is closed would hide that the broker failed.
                    with suppress(Exception):
                        await outputs.aclose()  # type: ignore[attr-defined]
                    raise

    def _decode(self, record: Record) -> M:
        if record.value is None:
            raise UnprocessableError("wire_empty", "a tombstone where a message was expected")
        try:
            return self.codec.decode(record.topic, record.value)  # type: ignore[return-value]
        except WireError as error:
            raise UnprocessableError(error.reason, str(error)) from error
        except ConnectionError as error:
            raise TransientError(_NO_REGISTRY, str(error)) from error

    async def _next(self, outputs: AsyncIterator[Output]) -> Output | None:
        try:
            async with asyncio.timeout(self.timeout_s) as timer:
                return await anext(outputs, None)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise UnprocessableError("stage_timeout", f"no output within {self.timeout_s:g} s") from error

    async def _send(self, output: Output, record: Record) -> None:
        try:
            value = None if output.message is None else self.codec.encode(output.topic, output.message)
        except ConnectionError as error:
            raise TransientError(_NO_REGISTRY, str(error)) from error
        await self._deliver(output.topic, output.key.encode(), value, record.headers)

    async def _deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:
        try:
            await self.deliver(topic, key, value, headers | trace.current_headers())
        except RecordError:
            raise
        except Exception as error:
            raise DeliveryError(f"{self.stage} could not write to {topic}: {error!r}") from error
        metrics.OUTPUT_BYTES.labels(self.stage, topic).inc(len(value or b""))

    async def _bury(self, error: Exception, record: Record) -> None:
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
    words = None
    reason = _reason(error)
    if isinstance(error, RecordError):
        fate = "transient" if isinstance(error, TransientError) else "unprocessable"
    else:
        words = _writable("".join(traceback.format_exception(error)))
    return DeadLetter(
        dead_letter_id=record_id("dead-letter", stage, record.topic, record.partition, record.offset, reason),
        stage=stage,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        fate=fate,
        detail=_writable(str(error) or type(error).__name__),
        traceback=words,
        key=record.key,
        value=record.value,
        headers=record.headers,
        attempts=attempts if fate == "transient" else 1,
        at=datetime.now(UTC),
    )


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, RecordError) else "bug"


def _of_the_record(error: TransientError) -> TransientError:
    """Return the error that stayed; raise instead when it is the broker's."""
    if isinstance(error, BrokerError):
        raise DeliveryError(error.detail) from error
    return error


def _span(stage: str, record: Record) -> AbstractContextManager[Span]:
    return trace.span(
        stage,
        record.topic,
        record.headers,
        messaging_destination_partition_id=str(record.partition),
        messaging_kafka_offset=record.offset,
        messaging_message_body_size=len(record.value or b""),
    )


def _writable(words: str) -> str:
    """Return the words as Avro takes them: file names may hold what is no UTF-8; the end says most and is kept."""
    return words[-_MOST_LETTERS:].encode("utf-8", "backslashreplace").decode("utf-8")
