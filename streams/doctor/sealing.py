"""Check of the sealing: the key file, and whether it has the keys of what other processes have sealed."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from confluent_kafka import KafkaException

from schemas.codec import WireError
from schemas.messages import Descriptors, Frames, Sounds
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader
from streams.sealing.key_file import KeyFile, StoredKey
from streams.sealing.keyring import key_id_of
from streams.sealing.purposes import Purpose
from streams.settings import Settings

ROLES = frozenset({"decode", "visual", "audio", "screen", "match", "desk"})
"""Roles that need the keys."""
_TOPICS = {"visual": "frames", "screen": "frames", "audio": "sounds", "match": "descriptors"}
_OLDEST = timedelta(days=31)
_SHARED = "mount the file of the other machines, or seal on all with this one: ops/docs/sealing.md"


class _Used(NamedTuple):
    topic: str
    purpose: Purpose
    key_id: int


def sealing(settings: Settings, roles: Collection[str], *, connected: bool) -> Finding:
    """Check that the keys can be read, are young, and unseal the newest records that these roles read."""
    file = KeyFile(settings.sealing)
    if not file.path.exists() and settings.sealing.create:
        remedy = "the first worker creates it; several machines need one file, made by `jikimi keys create`"
        return warn("sealing", f"{file.path} does not exist yet", remedy)
    try:
        keys = file.read()
    except UsageError as error:
        return wrong("sealing", str(error), "see ops/docs/sealing.md")
    known = {(key.purpose, key.key_id) for key in keys}
    used = _used(settings, roles) if connected else ()
    if missing := next((one for one in used if (one.purpose, one.key_id) not in known), None):
        message = f"records of {missing.topic} are sealed with key {missing.key_id:08x}, which {file.path} lacks"
        return wrong("sealing", message, _SHARED)
    return _age(file, keys)


def _age(file: KeyFile, keys: list[StoredKey]) -> Finding:
    newest = max((key for key in keys if key.purpose == "media"), key=lambda key: key.made_at, default=None)
    if newest is None:
        return wrong("sealing", f"{file.path} has no key for media", "jikimi keys rotate")
    age = datetime.now(UTC) - newest.made_at
    if age > _OLDEST:
        return warn("sealing", f"the newest key for media is {age.days} days old", "jikimi keys rotate, once a month")
    return ok("sealing", f"{len(keys)} keys in {file.path}, the newest for media {newest.key_id:08x}")


def _used(settings: Settings, roles: Collection[str]) -> Iterator[_Used]:
    """Yield the keys of the newest record of each partition of the topics that these roles read."""
    topics = sorted({_TOPICS[role] for role in roles if role in _TOPICS})
    codec = create_codec(settings)
    for topic in topics:
        try:
            values = list(_newest(RangeReader(settings, topic)))
        except KafkaException:
            continue  # no topic or no right to it, reported by other checks
        for value in values:
            try:
                yield from _keys_of(topic, codec.decode(topic, value))
            except (WireError, ConnectionError):
                continue


def _keys_of(topic: str, message: object) -> Iterator[_Used]:
    match message:
        case Frames():
            sealed: list[tuple[Purpose, bytes]] = [("media", frame.jpeg) for frame in message.frames]
        case Sounds():
            sealed = [("media", message.pcm)]
        case Descriptors():
            sealed = [("thumbnails", thumbnail.jpeg) for thumbnail in message.thumbnails]
        case _:
            sealed = []
    ids = {(purpose, key_id_of(content)) for purpose, content in sealed}
    yield from (_Used(topic, purpose, key_id) for purpose, key_id in ids if key_id is not None)


def _newest(reader: RangeReader) -> Iterator[bytes]:
    """Yield the value of the last record of each partition; none where that is the mark of a transaction."""
    for partition in reader.partitions():
        end = reader.end(partition)
        for record in reader.read(partition, max(reader.first(partition), end - 1), end):
            if record.value is not None:
                yield record.value
