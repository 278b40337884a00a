import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import REGISTRY

from schemas.codec import Codec
from schemas.messages import DeadLetter, Message, Verdict
from streams.engine.attempts import Retry
from streams.engine.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from streams.engine.guard import DEAD_LETTERS, DeliveryError, Guard
from streams.engine.outage import OutageError
from streams.engine.record import Output, Record
from streams.errors import BrokerError, TransientError, UnprocessableError, WorkerError
from tests.support.deadline import DEADLINE_S
from tests.unit.made_messages import verdict

CODEC = Codec()
type Raiser = Callable[[str], Exception | None]


@dataclass
class Broker:
    """Takes records, or raises what the test says for a topic."""

    taken: list[tuple[str, bytes, bytes | None, dict[str, bytes]]] = field(default_factory=list)
    refusal: Raiser = lambda _: None
    on_delivery: Callable[[str], None] = lambda _: None

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:
        await asyncio.sleep(0)
        if (error := self.refusal(topic)) is not None:
            raise error
        self.on_delivery(topic)
        self.taken.append((topic, key, value, headers))

    @property
    def letters(self) -> list[DeadLetter]:
        values = [value for topic, _, value, _ in self.taken if topic == DEAD_LETTERS]
        letters = [CODEC.decode(DEAD_LETTERS, value or b"") for value in values]
        return [letter for letter in letters if isinstance(letter, DeadLetter)]

    @property
    def fates(self) -> list[tuple[str, str]]:
        return [(letter.reason, letter.fate) for letter in self.letters]

    @property
    def keys(self) -> list[bytes]:
        return [key for topic, key, _, _ in self.taken if topic == "verdicts"]


NO_PAUSES = Retry(first_pause_s=0, max_pause_s=0, jitter_s=0)


def record(value: bytes | None = None, **changes: Any) -> Record:
    fields: dict[str, Any] = {"partition": 3, "offset": 41, "key": b"p1", "headers": {"trace": b"abc"}}
    return Record("verdicts", value=CODEC.encode("verdicts", verdict()) if value is None else value, **fields | changes)


def out(key: str, message: Message | None = None) -> Output:
    return Output("verdicts", key, message or verdict())


def guard(handler: Any, broker: Broker, **changes: Any) -> Guard[Verdict]:
    fields: dict[str, Any] = {"limit": DeadLetterLimit(10), "timeout_s": DEADLINE_S, "retry": NO_PAUSES}
    return Guard(stage="trial", codec=CODEC, handler=handler, deliver=broker.deliver, **fields | changes)


async def guarded(handler: Any, given: Record | None = None, **changes: Any) -> Broker:
    """Return a broker with the outcome of one record."""
    broker = Broker()
    await guard(handler, broker, **changes)(given or record())
    return broker


def raising(*errors: Exception | None, outputs: tuple[str, ...] = ()) -> Any:
    """Return a handler that gives the outputs and then raises; each call takes the next error, the last one stays."""
    left = list(errors)

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        for key in outputs:
            yield out(key)
        error = left.pop(0) if len(left) > 1 else left[0]
        if error is not None:
            raise error

    return handler


async def test_each_output_is_delivered_before_the_next_is_asked_for() -> None:
    story: list[str] = []
    broker = Broker(on_delivery=lambda _: story.append("delivered"))

    async def handler(message: Verdict, given: Record) -> AsyncIterator[Output]:
        assert message == verdict()
        assert given.key == b"p1"
        for key in "ab":
            story.append(f"asked {key}")
            yield out(key)
        story.append("ended")

    await guard(handler, broker)(record())
    assert story == ["asked a", "delivered", "asked b", "delivered", "ended"]
    taken = [(topic, key, headers) for topic, key, _, headers in broker.taken]
    assert taken == [("verdicts", key, {"trace": b"abc"}) for key in (b"a", b"b")]
    assert CODEC.decode("verdicts", broker.taken[0][2] or b"") == verdict()


async def test_an_output_of_nothing_is_a_tombstone() -> None:
    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        yield Output("verdicts", "gone", None)

    broker = await guarded(handler)
    assert [value for _, _, value, _ in broker.taken] == [None]


async def test_an_unprocessable_record_is_dead_lettered_as_it_came_and_its_outputs_stand() -> None:
    given = record()
    broker = await guarded(raising(UnprocessableError("media_decode", "no picture"), outputs=("a", "b")), given)
    assert broker.keys == [b"a", b"b"]
    (letter,) = broker.letters
    assert (letter.topic, letter.partition, letter.offset) == ("verdicts", 3, 41)
    assert (letter.key, letter.value, letter.headers) == (b"p1", given.value, {"trace": b"abc"})
    assert (letter.stage, letter.reason, letter.fate) == ("trial", "media_decode", "unprocessable")
    assert (letter.detail, letter.attempts, letter.traceback) == ("no picture", 1, None)
    assert broker.taken[-1][1] == b"p1"


@pytest.mark.parametrize("error", [TransientError("store_busy", "503"), BrokerError("no answer")])
async def test_an_error_that_is_gone_at_the_next_attempt_leaves_no_dead_letter(error: Exception) -> None:
    broker = await guarded(raising(error, None, outputs=("a",)))
    assert (broker.keys, broker.letters) == ([b"a", b"a"], [])


async def test_a_transient_error_that_stays_is_dead_lettered_after_the_last_attempt() -> None:
    seen = []

    async def handler(_: Verdict, given: Record) -> AsyncIterator[Output]:
        seen.append((given.attempt, given.last_attempt))
        if given.attempt:
            raise TransientError("store_busy", "503")
        yield out("never")

    broker = await guarded(handler, retry=replace(NO_PAUSES, attempts=3))
    assert seen == [(1, False), (2, False), (3, True)]
    assert (broker.fates, broker.letters[0].attempts) == ([("store_busy", "transient")], 3)


async def test_a_bug_is_dead_lettered_with_its_traceback_and_not_tried_again() -> None:
    broker = await guarded(raising(ZeroDivisionError("by zero"), outputs=("a",)))
    (letter,) = broker.letters
    assert (letter.reason, letter.fate, letter.detail, letter.attempts) == ("bug", "bug", "by zero", 1)
    assert "ZeroDivisionError: by zero" in (letter.traceback or "")
    assert "test_guard.py" in (letter.traceback or "")


async def test_a_transient_error_followed_by_a_bug_is_a_bug() -> None:
    broker = await guarded(raising(TransientError("store_busy", "503"), KeyError("x")))
    assert [letter.fate for letter in broker.letters] == ["bug"]


async def test_an_error_without_words_is_told_by_its_name() -> None:
    broker = await guarded(raising(NotImplementedError()))
    assert [letter.detail for letter in broker.letters] == ["NotImplementedError"]


async def test_words_that_are_no_utf_8_do_not_keep_a_record_from_its_dead_letter() -> None:
    # A file name from a foreign disk comes with surrogates; Avro takes none, and the worker would stop for ever.
    broker = await guarded(raising(UnprocessableError("media_decode", "a\udcff.mp4")))
    await guard(raising(KeyError("a\udcff.mp4")), broker)(record())
    assert [letter.reason for letter in broker.letters] == ["media_decode", "bug"]


async def test_an_error_that_prints_the_whole_record_still_fits_into_its_dead_letter() -> None:
    broker = await guarded(raising(KeyError("x" * 30_000_000)))
    assert len(broker.taken[0][2] or b"") < 100_000


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "wire_empty"),
        (b"{}", "wire_not_avro"),
        (b"\xc3\x01" + b"\x00" * 8 + b"body", "wire_unknown_fingerprint"),
        (CODEC.encode("verdicts", verdict())[:-4], "wire_truncated"),
        (CODEC.encode("verdicts", verdict()) + b"!", "wire_trailing"),
    ],
)
async def test_bytes_that_are_no_message_are_dead_lettered_before_the_handler(value: bytes, reason: str) -> None:
    broker = await guarded(raising(None, outputs=("never",)), record(value))
    assert broker.keys == []
    assert (broker.fates, broker.letters[0].value) == ([(reason, "unprocessable")], value)


async def test_a_tombstone_is_dead_lettered() -> None:
    broker = await guarded(raising(None), Record("verdicts", 0, 7, None, None))
    assert [(letter.reason, letter.key, letter.value) for letter in broker.letters] == [("wire_empty", None, None)]


async def test_a_broker_that_fails_is_no_fault_of_the_record() -> None:
    broker = Broker(refusal=lambda _: ConnectionError("broker gone"))
    with pytest.raises(DeliveryError, match="broker gone"):
        await guard(raising(None, outputs=("a",)), broker)(record())
    assert broker.taken == []


@pytest.mark.parametrize("error", [BrokerError("no answer"), WorkerError("disk_full", "no space left")])
async def test_an_error_of_the_broker_or_of_the_worker_itself_stops_the_worker_and_buries_nothing(
    error: WorkerError,
) -> None:
    broker = Broker()
    with pytest.raises((DeliveryError, OutageError), match=error.detail):
        await guard(raising(error), broker, retry=replace(NO_PAUSES, attempts=3), patience_s=0.0)(record())
    assert broker.taken == []


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


HOST_ERRNOS = ["EAGAIN", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EROFS"]
HOST_FAULTS = [
    *(OSError(getattr(errno, name), os.strerror(getattr(errno, name)), "file") for name in HOST_ERRNOS),
    MemoryError(),
    RuntimeError("can't start new thread"),
    caused(TransientError("link_unavailable", "host: ConnectError"), OSError(errno.EMFILE, "Too many open files")),
    caused(UnprocessableError("link_gone", "x"), caused(ValueError(), OSError(errno.ENOSPC, "No space left"))),
]


@pytest.mark.parametrize("error", HOST_FAULTS, ids=repr)
async def test_a_fault_of_the_workers_machine_stops_the_worker_and_buries_nothing(error: Exception) -> None:
    broker, handler = Broker(), raising(error)
    with pytest.raises(DeliveryError):
        await guard(handler, broker, retry=replace(NO_PAUSES, attempts=3))(record())
    assert broker.taken == []
    # It is over, so that the record is processed.
    assert (await guarded(raising(error, None, outputs=("a",)))).letters == []


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "x"), PermissionError(errno.EACCES, "x"), OSError("image truncated")]
)
async def test_another_error_of_the_operating_system_is_a_bug(error: Exception) -> None:
    assert (await guarded(raising(error))).fates == [("bug", "bug")]


async def test_a_handler_waits_for_the_broker_longer_than_for_anything_else() -> None:
    unreachable = [BrokerError("no answer"), KafkaException(KafkaError(KafkaError._TIMED_OUT))] * 2
    broker = await guarded(raising(*unreachable, None, outputs=("a",)), retry=replace(NO_PAUSES, attempts=1))
    assert (broker.keys[-1], broker.letters) == (b"a", [])


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"stage": "trial", **labels}) or 0.0


async def test_a_record_is_measured_once_however_it_ends() -> None:
    def seen() -> list[float]:
        return [
            counted("jikimi_stage_seconds_count"),
            counted("jikimi_waiting_seconds_count"),
            counted("jikimi_input_bytes_total"),
            counted("jikimi_retries_total", reason="store_busy"),
            counted("jikimi_output_bytes_total", topic="verdicts"),
            counted("jikimi_dead_letters_total", reason="store_busy", fate="transient"),
        ]

    before, given, broker = seen(), record(timestamp_s=time.time() - 40.0), Broker()
    await guard(raising(TransientError("store_busy", "503")), broker, retry=replace(NO_PAUSES, attempts=3))(given)
    await guard(raising(None, outputs=("a", "b")), broker)(given)
    n_bytes = sum(len(value or b"") for topic, _, value, _ in broker.taken if topic == "verdicts")
    change = [now - then for now, then in zip(seen(), before, strict=True)]
    assert change == [2, 2, 2 * len(given.value or b""), 2, n_bytes, 1]
    below_60, below_30 = (counted("jikimi_waiting_seconds_bucket", le=limit) for limit in ("60.0", "30.0"))
    assert below_60 - below_30 >= 2


async def test_a_trace_goes_from_the_record_to_its_outputs_and_its_dead_letter() -> None:
    context = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given = record(headers={"mine": b"kept", "traceparent": context})
    broker = await guarded(raising(KeyError("x"), outputs=("a",)), given)
    assert [headers for *_, headers in broker.taken] == [given.headers] * 2
    assert broker.letters[0].headers == given.headers


async def test_a_dead_letter_that_cannot_be_written_is_no_outcome() -> None:
    broker = Broker(refusal=lambda topic: ConnectionError("gone") if topic == DEAD_LETTERS else None)
    with pytest.raises(DeliveryError):
        await guard(raising(KeyError("x")), broker)(record())


async def test_an_output_that_the_broker_will_never_take_is_a_dead_letter() -> None:
    too_large = UnprocessableError("output_too_large", "9 bytes for verdicts")
    broker = Broker(refusal=lambda topic: too_large if topic == "verdicts" else None)
    await guard(raising(None, outputs=("a",)), broker)(record())
    assert broker.fates == [("output_too_large", "unprocessable")]


async def test_a_failed_delivery_stays_one_when_the_handler_cannot_clean_up() -> None:
    broker = Broker(refusal=lambda topic: ConnectionError("gone") if topic == "verdicts" else None)

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        try:
            yield out("a")
        finally:
            raise KeyError("while cleaning up")

    with pytest.raises(DeliveryError):
        await guard(handler, broker)(record())
    assert broker.letters == []


async def test_a_handler_that_takes_too_long_is_closed_and_its_record_dead_lettered() -> None:
    closed = asyncio.Event()

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        yield out("a")
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    broker = await guarded(handler, timeout_s=0.02)
    assert closed.is_set()
    assert broker.keys == [b"a"] * NO_PAUSES.attempts
    assert broker.fates == [("stage_timeout", "transient")]


async def test_the_time_for_delivery_does_not_count_against_the_handler() -> None:
    broker, slow = Broker(), asyncio.Event()

    async def deliver(topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow.wait(), 0.05)
        await broker.deliver(topic, key, value, headers)

    patient = guard(raising(None, outputs=("a", "b")), broker, timeout_s=0.03)
    patient.deliver = deliver
    await patient(record())
    assert (broker.keys, broker.letters) == ([b"a", b"b"], [])


async def test_a_timeout_of_the_handlers_own_is_a_bug_of_the_handler() -> None:
    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
        yield out("never")

    assert (await guarded(handler)).fates == [("bug", "bug")]


@pytest.mark.parametrize(
    "error", [UnprocessableError("media_decode", "x"), TransientError("store_busy", "x"), KeyError("x"), None]
)
async def test_the_handler_is_closed_however_it_ends(error: Exception | None) -> None:
    closed = 0

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        nonlocal closed
        try:
            yield out("a")
            if error is not None:
                raise error
        finally:
            closed += 1

    await guarded(handler, retry=replace(NO_PAUSES, attempts=2))
    assert closed == (2 if isinstance(error, TransientError) else 1)


async def test_the_handler_is_closed_when_an_output_cannot_be_delivered() -> None:
    closed = asyncio.Event()

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        try:
            yield out("a")
        finally:
            closed.set()

    with pytest.raises(DeliveryError):
        await guard(handler, Broker(refusal=lambda _: ConnectionError("gone")))(record())
    assert closed.is_set()


@pytest.mark.parametrize("where", ["handler", "delivery", "pause"])
async def test_a_cancellation_is_passed_on_and_leaves_no_dead_letter(where: str) -> None:
    broker, closed, waiting = Broker(), asyncio.Event(), asyncio.Event()

    async def hang(*_: object) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        try:
            if where == "handler":
                await hang()
            if where == "pause":
                waiting.set()
                raise TransientError("store_busy", "503")
            yield out("a")
        finally:
            closed.set()

    a_guard = guard(handler, broker, retry=Retry(first_pause_s=60, max_pause_s=60))
    if where == "delivery":
        a_guard.deliver = hang  # type: ignore[assignment]  # it takes whatever it is given
    running = asyncio.create_task(a_guard(record()))
    await asyncio.wait_for(waiting.wait(), DEADLINE_S)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert closed.is_set()
    assert broker.letters == []


async def test_too_many_in_a_row_stop_before_the_next_is_written() -> None:
    broker = Broker()
    strict = guard(raising(UnprocessableError("media_decode", "x")), broker, limit=DeadLetterLimit(2))
    await strict(record(offset=1))
    await strict(record(offset=2))
    with pytest.raises(TooManyDeadLettersError, match="more than 2 dead letters in a row: 3 media_decode"):
        await strict(record(offset=3))
    assert [letter.offset for letter in broker.letters] == [1, 2]


async def test_a_good_record_starts_the_count_anew() -> None:
    broker = Broker()
    bad = UnprocessableError("media_decode", "x")
    strict = guard(raising(bad, bad, None, bad, bad), broker, limit=DeadLetterLimit(2))
    for offset in range(5):
        await strict(record(offset=offset))
    assert len(broker.letters) == 4


class _Unreachable:
    """A codec whose registry does not answer for some topics."""

    def __init__(self, *topics: str) -> None:
        self._topics = topics

    def encode(self, topic: str, message: Message) -> bytes:
        if f"to {topic}" in self._topics:
            raise ConnectionError("registry gone")
        return CODEC.encode(topic, message)

    def decode(self, topic: str, value: bytes) -> Message:
        if f"from {topic}" in self._topics:
            raise ConnectionError("registry gone")
        return CODEC.decode(topic, value)


class _BackSoon(_Unreachable):
    """A codec whose registry answers some calls later."""

    calls = 0

    def encode(self, topic: str, message: Message) -> bytes:
        return self._counted(super().encode, topic, message)

    def decode(self, topic: str, value: bytes) -> Message:
        return self._counted(super().decode, topic, value)

    def _counted[T](self, call: Callable[..., T], *arguments: Any) -> T:
        self.calls += 1
        if self.calls > 2 * NO_PAUSES.attempts:
            self._topics = ()
        return call(*arguments)


@pytest.mark.parametrize("topic", ["from verdicts", "to verdicts"])
async def test_a_registry_that_does_not_answer_is_waited_for_like_a_broker(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", partial(asyncio.sleep, 0))
    broker = Broker()
    waiting = guard(raising(None, outputs=("a",)), broker)
    waiting.codec = _BackSoon(topic)  # type: ignore[assignment]
    await waiting(record())
    assert broker.letters == []
    assert broker.keys == [b"a"]


@pytest.mark.parametrize("topic", ["from verdicts", "to verdicts"])
async def test_a_registry_that_is_gone_for_long_stops_the_worker_and_the_record_is_not_acked(topic: str) -> None:
    broker = Broker()
    impatient = guard(raising(None, outputs=("a",)), broker)
    impatient.codec, impatient.patience_s = _Unreachable(topic), 0.0  # type: ignore[assignment]
    with pytest.raises(OutageError, match="registry gone"):
        await impatient(record())
    assert broker.letters == []


async def test_without_the_registry_a_dead_letter_is_not_written_and_the_record_not_acked() -> None:
    trying = guard(raising(KeyError("x")), Broker())
    trying.codec = _Unreachable("to dead-letters")  # type: ignore[assignment]  # the two methods the guard uses
    with pytest.raises(DeliveryError, match="registry gone"):
        await trying(record())


async def test_a_dead_letter_has_the_same_id_when_written_again() -> None:
    broker = Broker()
    a_guard = guard(raising(KeyError("x")), broker)
    for offset in (1, 1, 2):
        await a_guard(record(offset=offset))
    first, again, other = (letter.dead_letter_id for letter in broker.letters)
    assert first == again != other
