"""Events of takedowns as lines of JSON, with a stock Kafka client: ``read_takedowns.py BROKERS SCHEMAS [TOPIC]``.

SCHEMAS is a copy of the folder ``schemas/history/takedown``: every version ever written, found by its fingerprint.
"""
# ruff: noqa: INP001 - a script to be copied

import io
import json
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer
from fastavro.schema import fingerprint, to_parsing_canonical_form

SCHEMAS = {}
for file in Path(sys.argv[2]).glob("*.avsc"):
    schema = json.loads(file.read_text())
    mark = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    SCHEMAS[bytes.fromhex(mark)] = fastavro.parse_schema(schema)

consumer = Consumer(
    {
        "bootstrap.servers": sys.argv[1],
        "group.id": "takedowns-of-our-platform",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",  # events of aborted transactions never happened
    }
)
consumer.subscribe([sys.argv[3] if len(sys.argv) > 3 else "takedowns"])  # noqa: PLR2004 - the last argument
while True:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        sys.exit(str(message.error()))
    value = message.value() or b""
    if value[:2] != b"\xc3\x01":
        sys.exit("written with a schema registry: use its deserializer")
    event = fastavro.schemaless_reader(io.BytesIO(value[10:]), SCHEMAS[value[2:10]])
    print(json.dumps(event, default=lambda one: one.hex() if isinstance(one, bytes) else str(one)), flush=True)  # noqa: T201
