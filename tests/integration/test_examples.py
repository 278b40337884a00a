"""The example that reads takedowns with a stock client, run as a platform runs it."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from schemas.codec import Codec
from tests.support.brokers import make_topics
from tests.unit.made_messages import takedown

ROOT = Path(__file__).parents[2]


def test_a_stock_client_reads_takedowns(embedded: str, prefix: str) -> None:
    make_topics(embedded, prefix)
    events = [takedown(event_id="e1"), takedown(event_id="e2", state="removed")]
    producer = Producer({"bootstrap.servers": embedded})
    for event in events:
        producer.produce(f"{prefix}takedowns", Codec().encode("takedowns", event), event.takedown_id)
    assert producer.flush() == 0
    script, schemas = ROOT / "ops/docs/examples/read_takedowns.py", ROOT / "schemas/history/takedown"
    command = [sys.executable, str(script), embedded, str(schemas), f"{prefix}takedowns"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        found = [json.loads(reader.stdout.readline()) for _ in events]
        reader.kill()
    assert [(event["event_id"], event["state"]) for event in found] == [("e1", "issued"), ("e2", "removed")]
    assert found[0]["post"]["url"] == msgspec.to_builtins(events[0])["post"]["url"]
