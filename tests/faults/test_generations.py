"""A record read before a rebalance is never acked after it: our consumer beside Faust's own, on the same records."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from faust.transport.conductor import Conductor
from faust.transport.drivers.aiokafka import Consumer as StockConsumer
from faust.types.tuples import TP, Message

from streams.engine.app import _faust_app
from streams.engine.faust_driver.consumer import Consumer
from streams.settings import load_settings

_TP = TP("posts", 0)


@pytest.fixture
async def consumer() -> AsyncIterator[Consumer]:
    app = _faust_app("group", load_settings())
    cast("Conductor", app.topics)._acking_topics.add(_TP.topic)
    app.consumer_generation_id = 1
    made = cast("Consumer", app.consumer)
    yield made
    made._thread.thread_loop.close()  # made with the thread, which was never started


def read(consumer: Consumer, offset: int) -> Message:
    """Return a record as read in the generation that is now."""
    untold: Any = None  # times, checksums and sizes play no part
    generation_id = consumer.app.consumer_generation_id
    message = Message("posts", 0, offset, 0.0, 0, {}, b"", b"", untold, tp=_TP, generation_id=generation_id)
    consumer.track_message(message)
    return message


async def test_a_record_read_before_a_rebalance_is_not_acked_after_it(consumer: Consumer) -> None:
    stale = read(consumer, 0)
    consumer.app.consumer_generation_id = 2
    assert not consumer.finish(stale)
    assert consumer._new_offset(_TP) is None
    assert StockConsumer.ack(consumer, stale)
    assert consumer._new_offset(_TP) == 1


async def test_a_record_that_faust_skips_is_not_acked_while_an_earlier_one_is_unfinished(consumer: Consumer) -> None:
    read(consumer, 0)
    skipped = read(consumer, 1)
    assert not consumer.ack(skipped)
    assert consumer._new_offset(_TP) is None
    # Faust's own consumer acks it, and would commit past the unfinished one.
    assert StockConsumer.ack(consumer, skipped)
    assert consumer._new_offset(_TP) == 2


async def test_what_is_finished_in_its_own_generation_is_acked(consumer: Consumer) -> None:
    assert consumer.finish(read(consumer, 0))
    assert consumer._new_offset(_TP) == 1
