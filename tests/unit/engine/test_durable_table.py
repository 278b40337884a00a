"""Values that the broker refuses; the changelog is a future, no Kafka."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from faust.tables.table import Table

from streams.engine.app import _faust_app
from streams.engine.durable_table import DurableTable
from streams.engine.guard import DeliveryError
from streams.errors import UnprocessableError
from streams.settings import load_settings


@pytest.fixture
async def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DurableTable:
    app = _faust_app("trial", load_settings(archive_dir=tmp_path))
    made = DurableTable.create(app, "states", app.topic("trial.states", partitions=1), lambda _: 0)
    monkeypatch.setattr(made, "on_key_set", lambda key, value: made.send_changelog(None, key, value))
    return made


def answer(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """Let the broker answer the next writes so."""

    def send_changelog(*_: Any, **__: Any) -> asyncio.Future[None]:
        sent = asyncio.get_running_loop().create_future()
        sent.set_result(None) if error is None else sent.set_exception(error)
        return sent

    monkeypatch.setattr(Table, "send_changelog", send_changelog)


async def test_a_table_keeps_the_value_before_one_that_is_too_large(
    table: DurableTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, None)
    await table.put(b"p1", b"small")
    answer(monkeypatch, MessageSizeTooLargeError("too large"))
    for key in (b"p1", b"p2"):
        with pytest.raises(UnprocessableError, match="state of table states") as refused:
            await table.put(key, b"x" * 2_000_000)
        assert refused.value.reason == "output_too_large"
    assert dict(table.data.items()) == {b"p1": b"small"}


async def test_a_write_that_the_broker_does_not_take_stops_the_worker(
    table: DurableTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, ConnectionError("gone"))
    with pytest.raises(DeliveryError, match="states could not be written"):
        await table.put(b"p1", b"small")
