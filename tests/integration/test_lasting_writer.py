"""A writer whose transaction the broker has ended: another producer goes on, and nothing is written twice."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

from ops.broker.raw import Broker
from streams.kafka.lasting_writer import LastingWriter
from streams.kafka.transactions import LostTransactionError, TakenOverError, TransactionWriter
from streams.replay.naming import Naming
from streams.replay.run_topics import create_topics
from streams.replay.run_writer import Batch, Progress, RunWriter, Written
from streams.settings import Settings, load_settings
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S

_TOPIC = "runs"


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    make_topics(kafka, prefix)
    return load_settings(
        bootstrap_servers=kafka, topic_prefix=prefix, group_prefix=f"{prefix}g", start_grace_s=DEADLINE_S
    )


def started(settings: Settings, transaction_s: float) -> LastingWriter:
    writer = LastingWriter(settings, "writer", transaction_s=transaction_s)
    writer.start()
    return writer


@pytest.fixture
def writer(settings: Settings) -> LastingWriter:
    return started(settings, transaction_s=1.0)


def keys(settings: Settings, topic: str = _TOPIC) -> Counter[bytes | None]:
    """Return how often each key is in the topic, once the broker has ended the transactions that are open now."""
    found = Broker(settings.bootstrap_servers, settings.topic_prefix).read(topic)
    return Counter(kept.key for partition in found.values() for kept in partition)


class Late:
    """Writes one record, and the first time calls `meanwhile` before it can be committed."""

    def __init__(self, writer: TransactionWriter, meanwhile: Callable[[], object]) -> None:
        self.n = 0
        self._writer, self._meanwhile = writer, meanwhile

    def __call__(self) -> None:
        self.n += 1
        self._writer.write_bytes(_TOPIC, b"late", b"")
        if self.n == 1:
            self._writer.flush()
            self._meanwhile()


def never() -> bool:
    raise AssertionError


def test_records_of_a_transaction_that_was_aborted_are_written_by_another_producer(
    settings: Settings, writer: LastingWriter
) -> None:
    reasons: list[str] = []
    writer.on_outage = reasons.append
    late = Late(writer, lambda: keys(settings))
    writer.write_once(late, lambda: False)
    assert (late.n, keys(settings)) == (2, {b"late": 1})
    assert list(map(bool, reasons)) == [True, False]


def test_records_of_a_transaction_that_was_committed_are_not_written_again(
    settings: Settings, writer: LastingWriter
) -> None:
    late = Late(writer, lambda: keys(settings))
    writer.write_once(late, lambda: True)
    assert late.n == 1
    writer.write_once(lambda: writer.write_bytes(_TOPIC, b"next", b""), never)
    assert keys(settings) == {b"next": 1}


def test_a_writer_that_cannot_look_up_what_was_written_ends(settings: Settings, writer: LastingWriter) -> None:
    with pytest.raises(LostTransactionError):
        writer.write_transaction(Late(writer, lambda: keys(settings)))


def test_no_outage_is_outlived_after_a_stop(settings: Settings, writer: LastingWriter) -> None:
    writer.outage_s = 0.0
    with pytest.raises(LostTransactionError):
        writer.write_once(Late(writer, lambda: keys(settings)), never)


def test_a_process_that_has_written_since_is_not_fenced(settings: Settings, writer: LastingWriter) -> None:
    other = Late(successor := TransactionWriter(settings, "writer"), lambda: None)

    def take_over() -> None:
        keys(settings)
        successor.start()
        successor.write_transaction(other)

    def is_written() -> bool:
        raise TakenOverError

    with pytest.raises(TakenOverError):
        writer.write_once(Late(writer, take_over), is_written)
    successor.write_transaction(other)
    assert keys(settings) == {b"late": 2}


def test_a_writer_that_is_fenced_before_its_transaction_can_have_timed_out_was_taken_over(settings: Settings) -> None:
    writer = started(settings, transaction_s=600.0)
    with pytest.raises(TakenOverError, match="taken over"):
        writer.write_once(Late(writer, lambda: started(settings, transaction_s=600.0)), never)


class LateOutputs(Sequence[Written]):
    """One verdict of a run; the first time that it is written, the broker ends its transaction."""

    def __init__(self, writer: RunWriter, meanwhile: Callable[[], object]) -> None:
        self.n = 0
        self._writer, self._meanwhile = writer, meanwhile

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _: Any) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Written]:
        self.n += 1
        yield Written("verdicts", b"late", b"", 1.0)
        if self.n == 1:
            self._writer.flush()
            self._meanwhile()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Naming:
    monkeypatch.setitem(cast("dict[str, float]", TransactionWriter.__init__.__kwdefaults__), "transaction_s", 1.0)
    naming = Naming(settings, "try")
    create_topics(settings, naming, "scores")
    return naming


def run_writer(naming: Naming) -> RunWriter:
    writer = RunWriter(naming.settings, naming)
    writer.start()
    return writer


def checkpoint() -> Progress:
    return Progress(positions={}, deadline_s=1.0, memory_s=1.0)


def test_a_run_writes_the_outputs_of_an_aborted_transaction_again(run: Naming) -> None:
    writer, progress = run_writer(run), checkpoint()
    writer.commit(Batch(progress=progress))
    outputs = LateOutputs(writer, lambda: keys(run.settings, "verdicts.try"))
    writer.commit(Batch(outputs, progress=progress))
    assert (outputs.n, keys(run.settings, "verdicts.try")) == (2, {b"late": 1})


def test_a_run_that_stood_still_while_another_process_continued_it_ends(run: Naming) -> None:
    writer, successor = run_writer(run), RunWriter(run.settings, run)

    def take_over() -> None:
        keys(run.settings, "verdicts.try")
        successor.start()
        successor.commit(Batch(progress=checkpoint()))

    with pytest.raises(TakenOverError):
        writer.commit(Batch(LateOutputs(writer, take_over), progress=checkpoint()))
    assert keys(run.settings, "verdicts.try") == {}
