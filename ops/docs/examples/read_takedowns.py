"""Events of takedowns as lines of JSON, with a stock Kafka client: ``read_takedowns.py BROKERS SCHEMAS [TOPIC]``."""
# ruff: noqa: INP001, T201 - a script to be copied

import io
import json
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer
from fastavro.schema import fingerprint, to_parsing_canonical_form

brokers, folder, topic = (*sys.argv[1:], "takedowns")[:3]
schemas = {}  # a copy of schemas/history/takedown has every version ever written: found by the head of a record
for file in Path(folder).glob("*.avsc"):
    schema = json.loads(file.read_text())
    mark = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    schemas[b"\xc3\x01" + bytes.fromhex(mark)] = fastavro.parse_schema(schema)
options = {"group.id": "takedowns-of-our-platform", "auto.offset.reset": "earliest"}
consumer = Consumer({"bootstrap.servers": brokers, **options})  # it reads committed records by default
consumer.subscribe([topic])
while True:
    (message,) = consumer.consume(1)
    value = message.value() or b""
    if message.error() or value[:10] not in schemas:  # of a schema registry: use its deserializer
        sys.exit(str(message.error() or "a schema that is not in the folder"))
    event = fastavro.schemaless_reader(io.BytesIO(value[10:]), schemas[value[:10]])
    print(json.dumps(event, default=lambda one: one.hex() if isinstance(one, bytes) else str(one)), flush=True)
