"""The .avsc files, parsed, with every version ever written and its fingerprint."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastavro import parse_schema
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas import messages
from schemas.messages import Message

type Parsed = Any
"""A schema parsed by fastavro."""

_PACKAGE = files("schemas")


@dataclass(frozen=True, slots=True)
class Schema:
    """Schema of one message: the current version and all earlier ones."""

    name: str
    text: str
    """Content of the .avsc file, as registered in a schema registry."""
    message: type[Message]
    parsed: Parsed
    fingerprint: bytes
    """CRC-64-AVRO of the parsing canonical form, 8 bytes, little-endian as on the wire."""
    writers: Mapping[bytes, Parsed]
    """Every version ever written, by fingerprint, the current one among them."""


def parse(text: str) -> tuple[bytes, Parsed]:
    """Return the fingerprint and the parsed form of a schema's JSON text."""
    source = json.loads(text)
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(source), "CRC-64-AVRO")), parse_schema(source)


def history(name: str) -> list[str]:
    """Return the JSON texts of all released versions of a schema, oldest first."""
    folder = _PACKAGE.joinpath("history", name)
    if not folder.is_dir():
        return []
    versions = sorted(folder.iterdir(), key=lambda file: int(file.name.removesuffix(".avsc")))
    return [file.read_text("utf-8") for file in versions]


@cache
def schema(name: str) -> Schema:
    """Return the schema of this name, as in `post` for post.avsc."""
    text = _PACKAGE.joinpath(f"{name}.avsc").read_text("utf-8")
    current, parsed = parse(text)
    writers = dict(parse(old) for old in history(name)) | {current: parsed}
    return Schema(name, text, getattr(messages, parsed["name"].rpartition(".")[2]), parsed, current, writers)
