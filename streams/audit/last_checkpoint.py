"""The last checkpoint that verifies, from the end of their topic."""

import structlog

from schemas.codec import Codec, WireError
from schemas.messages import Checkpoint
from streams.audit import checkpoints
from streams.audit.signatures import signature_fault
from streams.audit.trusted_keys import TrustedKeys, trusted_keys
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings

log = structlog.get_logger()

_TAIL = 50
"""Last records among which it is looked for."""


def last_checkpoint(settings: Settings) -> Checkpoint | None:
    """Return the last checkpoint that verifies, None without one.

    Raises
    ------
    UsageError
        The broker does not answer, or the trusted keys cannot be read.
    """
    wait_for_broker(settings)
    reader = RangeReader(settings, checkpoints.TOPIC)
    with usage_errors(settings):
        return last_of(reader, create_codec(settings), trusted_keys(settings)) if reader.partitions() else None


def last_of(reader: RangeReader, codec: Codec, keys: TrustedKeys) -> Checkpoint | None:
    """Return the last checkpoint that verifies among the last records of a topic, None without one."""
    end, found = reader.end(0), None
    for record in reader.read(0, max(reader.first(0), end - _TAIL), end):
        found = _verified(record, codec, keys) or found
    return found


def _verified(record: RangeRecord, codec: Codec, keys: TrustedKeys) -> Checkpoint | None:
    try:
        checkpoint = codec.decode(checkpoints.TOPIC, record.value or b"")
    except WireError as error:
        log.error("checkpoint refused", offset=record.offset, reason=error.reason)  # noqa: TRY400 - has no more
        return None
    assert isinstance(checkpoint, Checkpoint)
    if fault := signature_fault(checkpoint, keys):
        log.error("checkpoint refused", offset=record.offset, reason=fault)
        return None
    return checkpoint
