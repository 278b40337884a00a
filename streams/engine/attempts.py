"""Attempts of a stage on one record: decode it, run the handler, run it again after a transient error."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import stamina

from schemas.codec import Codec, WireError
from schemas.messages import Message
from streams.engine.record import Record
from streams.errors import TransientError, UnprocessableError


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff after a `TransientError`, with jitter on each pause."""

    attempts: int = 4
    first_pause_s: float = 0.5
    max_pause_s: float = 8.0
    jitter_s: float = 1.0


def decode_record(codec: Codec, record: Record) -> Message:
    """Return the message of a record.

    Raises
    ------
    UnprocessableError
        The record is a tombstone or cannot be decoded.
    ConnectionError
        The schema registry does not answer.
    """
    if record.value is None:
        raise UnprocessableError("wire_empty", "a tombstone where a message was expected")
    try:
        return codec.decode(record.topic, record.value)
    except WireError as error:
        raise UnprocessableError(error.reason, str(error)) from error


async def run_attempts(
    work: Callable[[Record], Awaitable[None]], record: Record, retry: Retry, fatal: tuple[type[Exception], ...] = ()
) -> Exception | None:
    """Run `work` until it succeeds or fails for good; return the error that ended it, None after a success.

    Parameters
    ----------
    work
        Takes the record with the number of the attempt; a `TransientError` from it leads to another attempt.
    fatal
        Errors that are raised instead of returned, because the record is not their cause.
    """
    pauses = {"wait_initial": retry.first_pause_s, "wait_max": retry.max_pause_s, "wait_jitter": retry.jitter_s}
    try:
        async for attempt in stamina.retry_context(TransientError, attempts=retry.attempts, timeout=None, **pauses):
            with attempt:
                await work(replace(record, attempt=attempt.num, last_attempt=attempt.num == retry.attempts))
    except fatal:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where every error of a handler ends up
        return error
    return None
