"""Checks of the signed log: the own key is trusted, and the newest events of takedowns verify."""

from collections.abc import Iterator

from confluent_kafka import KafkaException

from schemas.codec import Codec, WireError
from schemas.messages import Takedown
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import trusted_keys
from streams.doctor.finding import Finding, ok, wrong
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader
from streams.settings import Settings
from streams.takedown.verifier import Verifier
from streams.topology import readers_group

_NEWEST = 1_000
"""Events of each partition that are looked at: `jikimi audit verify` looks at all."""
_REMEDY = "see ops/docs/audit.md; `jikimi audit keys` prints the keys"
_FROZEN = "see ops/runbooks/JikimiTakedownsFrozen.md; `jikimi audit verify` names all"


def audit_keys(settings: Settings) -> Finding:
    """Check the signing key, without creating it, and the trusted keys."""
    file = settings.audit.key_file
    if not file.exists() and settings.audit.trusted_keys is None:
        return ok("audit keys", f"{file} does not exist yet: it is created at the first signature; it is trusted alone")
    try:
        trusted = trusted_keys(settings)
        own = own_signer(settings).key_id if file.exists() else ""
    except UsageError as error:
        return wrong("audit keys", str(error), _REMEDY)
    if own not in trusted:
        message = f"the own key {own or 'is not made yet and'} is not among JIKIMI_AUDIT_TRUSTED_KEYS"
        return wrong("audit keys", message, f"add it: nobody acts on what it signs; {_REMEDY}")
    return ok("audit keys", f"signs with {own}; {len(trusted.pems)} trusted")


def newest_events(settings: Settings) -> Finding:
    """Check hash and signature of the newest events of takedowns; those that do not verify freeze their takedown."""
    try:
        verifier = Verifier(trusted_keys(settings), allow_unsigned=settings.audit.allow_unsigned)
        reader = RangeReader(settings, f"{settings.topic_prefix}takedowns", readers_group(settings))
        bad = list(_bad(reader, create_codec(settings), verifier))
    except (UsageError, KafkaException, ConnectionError) as error:
        return wrong("signed log", str(error), _REMEDY)
    if bad:
        message = f"{len(bad)} of the newest events of takedowns do not verify, the first is {bad[0]}"
        return wrong("signed log", message, _FROZEN)
    return ok("signed log", f"the newest {_NEWEST:,} events of takedowns verify by themselves")


def _bad(reader: RangeReader, codec: Codec, verifier: Verifier) -> Iterator[str]:
    for partition in reader.partitions():
        end = reader.end(partition)
        for record in reader.read(partition, max(reader.first(partition), end - _NEWEST), end):
            try:
                event = codec.decode("takedowns", record.value or b"")
            except WireError as error:
                yield f"at {partition}@{record.offset}: {error.detail}"
                continue
            assert isinstance(event, Takedown)
            if (fault := verifier.fault(event, partition)) is not None:
                yield f"{event.event_id} at {partition}@{record.offset}: {fault}"
