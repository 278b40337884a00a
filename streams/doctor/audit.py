"""Checks of the signed log: the own key is trusted, and the newest events of takedowns verify."""

from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import KafkaException

from schemas.codec import Codec, WireError
from schemas.messages import Act, Takedown
from streams.audit import acts
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import TrustedKeys, trusted_keys
from streams.doctor.finding import Finding, ok, wrong
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader
from streams.settings import Settings
from streams.takedown.accepted import ACT, Acceptance, accepted_by_person
from streams.takedown.verifier import Verifier

_NEWEST = 1_000
"""Events of each partition that are looked at: `jikimi audit verify` looks at all."""
_REMEDY = "see ops/docs/audit.md; `jikimi audit keys` prints the keys"
_FROZEN = "see ops/runbooks/JikimiTakedownsFrozen.md; `jikimi audit verify` names all"


class _Bad(NamedTuple):
    takedown_id: str
    partition: int
    offset: int
    words: str


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
        keys, codec = trusted_keys(settings), create_codec(settings)
        verifier = Verifier(keys, allow_unsigned=settings.audit.allow_unsigned)
        bad = list(_bad(RangeReader(settings, "takedowns"), codec, verifier))
        frozen = _not_accepted(bad, _acceptances(RangeReader(settings, acts.TOPIC), codec, keys)) if bad else bad
    except (UsageError, KafkaException, ConnectionError) as error:
        return wrong("signed log", str(error), _REMEDY)
    if frozen:
        message = f"{len(frozen)} of the newest events of takedowns do not verify, the first is {frozen[0].words}"
        return wrong("signed log", message, _FROZEN)
    accepted = f", but for {len(bad)} that a person has accepted" if bad else ""
    return ok("signed log", f"the newest {_NEWEST:,} events of takedowns verify by themselves{accepted}")


def _bad(reader: RangeReader, codec: Codec, verifier: Verifier) -> Iterator[_Bad]:
    for partition in reader.partitions():
        end = reader.end(partition)
        for record in reader.read(partition, max(reader.first(partition), end - _NEWEST), end):
            try:
                event = codec.decode("takedowns", record.value or b"")
            except WireError as error:
                key = (record.key or b"").decode(errors="replace")
                yield _Bad(key, partition, record.offset, f"at {partition}@{record.offset}: {error.detail}")
                continue
            assert isinstance(event, Takedown)
            if (fault := verifier.fault(event, partition)) is not None:
                words = f"{event.event_id} at {partition}@{record.offset}: {fault}"
                yield _Bad(event.takedown_id, partition, record.offset, words)


def _acceptances(reader: RangeReader, codec: Codec, keys: TrustedKeys) -> Iterator[Acceptance]:
    """Yield all that persons have accepted: a pass over all acts, of which few are decoded."""
    for partition in reader.partitions():
        for record in reader.read(partition, reader.first(partition), reader.end(partition)):
            if ACT.encode() not in (record.value or b""):
                continue
            try:
                act = codec.decode(acts.TOPIC, record.value or b"")
            except WireError:
                continue  # `jikimi audit verify` names it
            if isinstance(act, Act) and (accepted := accepted_by_person(act, keys)) is not None:
                yield accepted


def _not_accepted(bad: list[_Bad], acceptances: Iterator[Acceptance]) -> list[_Bad]:
    until = {(one.takedown_id, one.partition): 0 for one in bad}
    for accepted in acceptances:
        place = accepted.takedown_id, accepted.partition
        if place in until:
            until[place] = max(until[place], accepted.until)
    return [one for one in bad if one.offset >= until[one.takedown_id, one.partition]]
