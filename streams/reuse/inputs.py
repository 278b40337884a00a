"""What a stage has done before: inputs by a keyed digest, and where their outputs lie."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Protocol

import structlog

from schemas.codec import Codec, WireError
from schemas.messages import Message, Reusable, WrittenRecord
from schemas.topics import TOPICS
from streams.engine.waiting import waiting

log = structlog.get_logger()

_DOMAIN = b"reuse\0"
"""No other digest under the key of the terms has it in front."""
_DIGEST_BYTES = 16
_RELEASE = version("jikimi").encode()


class Table(Protocol):
    """Entries by input."""

    def get(self, key: str) -> Reusable | None:
        """Return the entry of an input, None if there is none."""

    def put(self, key: str, entry: Reusable) -> None:
        """Set the entry of an input."""


class Records(Protocol):
    """Records by position."""

    def read(self, topic: str, partition: int, offset: int) -> bytes | None:
        """Return the value of a record, None if it is gone; may block."""

    def keep(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Keep the value of a record at hand."""


class Inputs:
    """Inputs that a stage has worked on.

    Parameters
    ----------
    key
        Key of the digests of inputs and records.
    """

    def __init__(self, stage: str, key: bytes, table: Table, records: Records, codec: Codec) -> None:
        self.stage = stage
        self.table = table
        self.records = records
        self._key, self._codec = key, codec
        self._in_work: dict[str, asyncio.Event] = {}

    def key_of(self, parts: Sequence[bytes]) -> str:
        """Return the key of an input, which has the release among its parts."""
        return f"{self.stage}/{self._digest(_RELEASE, *parts).hex()}"

    def digest(self, key: str, value: bytes) -> bytes:
        """Return the keyed digest of a record that an input led to, 16 bytes."""
        return self._digest(key.encode(), value)

    def message(self, key: str, wanted: WrittenRecord) -> Message | None:
        """Return an output of an input, None if it is gone or another record is there; may block."""
        if wanted.topic not in TOPICS or self.stage not in TOPICS[wanted.topic].producers:
            return None
        value = self.records.read(wanted.topic, wanted.partition, wanted.offset)
        if not value or not hmac.compare_digest(self.digest(key, value), wanted.digest):
            return None
        try:
            return self._codec.decode(wanted.topic, value)
        except (WireError, ConnectionError) as error:
            log.warning("record not read again", topic=wanted.topic, error=repr(error))
            return None

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait once for who works on the same input, if anyone does: then its outputs are known, or it has failed."""
        if (in_work := self._in_work.get(key)) is not None:
            async with waiting():
                await in_work.wait()
            yield
            return
        self._in_work[key] = ended = asyncio.Event()
        try:
            yield
        finally:
            del self._in_work[key]
            ended.set()

    def _digest(self, *parts: bytes) -> bytes:
        """Return the keyed digest of some parts; others have another one."""
        digest = hmac.new(self._key, _DOMAIN, hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.digest()[:_DIGEST_BYTES]
