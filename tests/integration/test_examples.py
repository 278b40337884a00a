"""The examples that read takedowns, with a stock client and over HTTP, run as a platform runs them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import Takedown
from tests.integration.feeding import feed_process
from tests.integration.system import running
from tests.integration.test_http_feed import address
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S
from tests.unit.delivery.channels.made import TAKEDOWN
from tests.unit.made_messages import delivery, takedown

EXAMPLES = Path(__file__).parents[2] / "ops/docs/examples"
SCHEMAS = Path(__file__).parents[2] / "schemas/history/takedown"
TOKEN = "token of the platform demo"
PLATFORMS = "demo: {title: Demo, posts: [demo], reader_secret: demo}\nother: {title: others}\n"


@pytest.mark.parametrize("name", ["read_takedowns.py", "poll_takedowns.py"])
def test_an_example_has_thirty_lines_at_most(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 30


def test_a_stock_client_reads_takedowns(embedded: str, prefix: str) -> None:
    make_topics(embedded, prefix)
    events = [takedown(event_id="e1"), takedown(event_id="e2", state="removed")]
    write(embedded, prefix, *events)
    with example("read_takedowns.py", embedded, str(SCHEMAS), f"{prefix}takedowns") as lines:
        found = [next(lines) for _ in events]
    assert [(event["event_id"], event["state"]) for event in found] == [("e1", "issued"), ("e2", "removed")]
    assert found[0]["post"]["url"] == msgspec.to_builtins(events[0])["post"]["url"]


def test_a_platform_polls_its_takedowns_over_http_and_reports_what_it_did(
    embedded: str, prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    environment = {
        "JIKIMI_DELIVERY_PLATFORMS": str(tmp_path / "platforms.yaml"),
        "JIKIMI_DELIVERY_SECRETS": json.dumps({"demo": TOKEN}),
    }
    with contextmanager(running)(embedded, prefix, tmp_path) as system:
        held, sent = takedown(takedown_id=TAKEDOWN, state="held"), takedown(takedown_id=TAKEDOWN, state="sent")
        write(embedded, prefix, held, msgspec.structs.replace(sent, delivery=delivery()))
        with (
            feed_process(system, "http", "--port", "0", environment=environment) as process,
            example("poll_takedowns.py", address(process), TOKEN) as lines,
        ):
            found = next(lines)
            (kept,) = system.wait("deliveries", list)
    assert (found["takedown_id"], found["state"], found["post"]["url"]) == (TAKEDOWN, "requested", sent.post.url)
    assert (kept.message.takedown_id, kept.message.kind, kept.message.outcome, kept.message.channel) == (
        TAKEDOWN, "answer", "gone", "answers/demo",
    )  # fmt: skip


def write(bootstrap: str, prefix: str, *events: Takedown) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for event in events:
        producer.produce(f"{prefix}takedowns", Codec().encode("takedowns", event), event.takedown_id)
        assert producer.flush(DEADLINE_S) == 0  # each alone: the embedded broker counts a batch as one record


@contextmanager
def example(name: str, *arguments: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Run an example while the block runs; the value yields the lines of JSON that it prints."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield map(json.loads, process.stdout)
        finally:
            process.kill()
