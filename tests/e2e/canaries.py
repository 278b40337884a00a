"""Secrets with a mark, planted in a run, and the search for the mark in everything that the run leaves or shows."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from streams.kafka.clients import headers_of
from tests.support.deadline import DEADLINE_S

MARK = f"kanarie{token_hex(6)}"
"""In every planted secret, so that one search finds them all."""
TERM = f"Zwielicht{token_hex(4)}"
"""Part of a term of the case, which may leave the desk as a digest only."""
IN_FILES = ("MASTODON_TOKEN", "DELIVERY_SMTP_PASSWORD", "DELIVERY_BOUNCE_KEY", "HTTP_TOKEN", "MEDIA_S3_SECRET_KEY")
"""Settings whose secrets lie in files; the others are in the environment."""
IN_ENVIRONMENT = ("SASL_PASSWORD", "TERM_KEY", "MEDIA_S3_ACCESS_KEY")
_PRINTED = 200


class Found(NamedTuple):
    """One place with the mark."""

    place: str
    excerpt: bytes


def planted(folder: Path) -> dict[str, str]:
    """Write secrets into a folder, and return the environment that names them and holds the others."""
    folder.mkdir()
    environment = {f"JIKIMI_{name}": f"{MARK}-of-{name.lower()}" for name in IN_ENVIRONMENT}
    for name in IN_FILES:
        (folder / name).write_text(f"{MARK}-of-{name.lower()}\n")
        environment[f"JIKIMI_{name}_FILE"] = str(folder / name)
    return environment | {
        "JIKIMI_HOOK_SECRET": f"whsec_{base64.b64encode(f'{MARK}-of-the-officers'.encode()).decode()}",
        "JIKIMI_SCHEMA_REGISTRY_AUTH": f"centre:{MARK}-of-the-registry",
        "JIKIMI_TRACE_HEADERS": f"authorization=Bearer%20{MARK}-of-the-collector",
    }


def forms(text: str) -> list[bytes]:
    """Return the text in lower case and as it is, in hex, and in base64 wherever it stands in what was encoded."""
    found: set[bytes] = set()
    for one in (text.encode(), text.lower().encode()):
        found |= {one, one.hex().encode(), one.hex().upper().encode()}
        for n_before in range(3):
            encoded = base64.b64encode(bytes(n_before) + one).rstrip(b"=")
            found.add(encoded[(0, 2, 3)[n_before] : len(encoded) - ((n_before + len(one)) % 3 > 0)])
    return sorted(found)


def search(content: bytes, wanted: list[bytes], place: str) -> Iterator[Found]:
    """Yield the first place of each form in some bytes."""
    for form in wanted:
        if (at := content.find(form)) >= 0:
            yield Found(place, content[max(0, at - _PRINTED) : at + _PRINTED])


def in_files(folder: Path, wanted: list[bytes], *, but: Path | None = None) -> Iterator[Found]:
    """Search every file of a folder: logs, state, archives, temporary files."""
    for file in folder.rglob("*"):
        if but is not None and file.is_relative_to(but):
            continue
        with suppress(OSError):  # gone since, or a socket
            if file.is_file():
                yield from search(file.read_bytes() + file.name.encode(), wanted, str(file))


def in_topics(bootstrap: str, prefix: str, wanted: list[bytes]) -> Iterator[Found]:
    """Search every record of every topic, internal ones too: key, value and headers as they are."""
    options = {"bootstrap.servers": bootstrap, "group.id": f"{prefix}canaries", "enable.partition.eof": True}
    with closing(Consumer(options | {"enable.auto.commit": False, "isolation.level": "read_uncommitted"})) as consumer:
        topics = consumer.list_topics(timeout=DEADLINE_S).topics
        # Tables of a worker are named by its consumer group, which has another prefix.
        parts = [
            (name, number)
            for name, topic in topics.items()
            if prefix.strip("-.") in name
            for number in topic.partitions
        ]
        left = set(parts)
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in parts])
        while left:
            for record in consumer.consume(500, timeout=1.0):
                if (error := record.error()) is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.discard((record.topic(), record.partition()))
                    continue
                headers = b" ".join(name.encode() + value for name, value in headers_of(record).items())
                content = b" ".join([record.key() or b"", record.value() or b"", headers])
                yield from search(content, wanted, f"{record.topic()}/{record.partition()}/{record.offset()}")


def in_processes(wanted: list[bytes]) -> Iterator[Found]:
    """Search the arguments of every process of this machine, and the environment of every decoder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended since
            arguments = (process / "cmdline").read_bytes()
            yield from search(arguments, wanted, f"arguments of {process.name}")
            if b"child_main" in arguments:
                yield from search((process / "environ").read_bytes(), wanted, f"environment of {process.name}")


def keys_in(file: Path) -> list[bytes]:
    """Return the base64 in a file of keys, PEM or JSON, none if there is no such file; it must be in no other file."""
    return re.findall(rb"[A-Za-z0-9+/=]{40,}", file.read_bytes()) if file.is_file() else []


def in_texts(texts: Mapping[str, object], wanted: list[bytes]) -> Iterator[Found]:
    """Search metrics pages, spans and outputs of commands by name."""
    for name, text in texts.items():
        content = text if isinstance(text, bytes) else json.dumps(text, default=str, ensure_ascii=False).encode()
        yield from search(content, wanted, name)
