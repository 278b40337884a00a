"""`jikimi audit verify`: the whole log, streamed once, against its hashes, signatures, checkpoints and an anchor."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from schemas.codec import Codec
from schemas.messages import Checkpoint
from streams.audit.checkpoints import AUDITED, TOPIC, Anchor
from streams.audit.trusted_keys import TrustedKeys, trusted_keys
from streams.desk.audit.finding import Finding, Record
from streams.desk.audit.person_acts import PersonActs
from streams.desk.audit.positions import Checkpoints, PartitionDigest
from streams.desk.audit.takedown_chains import TakedownChains
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


class Summary(NamedTuple):
    """What was verified."""

    events: int
    """Events of takedowns that follow the one before them."""
    unsigned: int
    """Of them, those of versions that did not sign."""
    at_once: int
    """Events that two workers wrote at once, of which all ignore the second."""
    accepted: int
    """Records that do not verify, and that a person has accepted."""
    acts: int
    checkpoints: int
    last: Checkpoint | None
    """Last checkpoint that verifies."""


class Audit:
    """Verification of a log, one pass over each topic.

    Parameters
    ----------
    readers
        Returns the reader of a topic, by its name without prefix.
    """

    def __init__(self, codec: Codec, keys: TrustedKeys, readers: Callable[[str], RangeReader]) -> None:
        self._readers = readers
        self._checkpoints = Checkpoints(codec, keys)
        self._acts = PersonActs(codec, keys)
        self._takedowns = TakedownChains(codec, keys, self._acts.accepted)

    def findings(self, case_id: str = "", anchor: Anchor | None = None) -> Iterator[Finding]:
        """Yield what is wrong; of each takedown, the first event.

        Parameters
        ----------
        case_id
            Only findings of this case's takedowns, and those that are of no takedown; all by default.
        anchor
            Checkpoint that must be in the log.
        """
        reader = self._readers(TOPIC)
        for partition in reader.partitions():
            for record in _records(reader, TOPIC, partition):
                yield from self._checkpoints.apply(record)
        if anchor is not None and (missing := self._checkpoints.missing(anchor)) is not None:
            yield missing
        for topic in AUDITED:  # acts first: what they accept is no finding
            yield from self._topic(topic)
        yield from self._takedowns.findings(case_id)

    def summary(self) -> Summary:
        """Return what was verified, after the findings."""
        return Summary(
            self._takedowns.n_verified, self._takedowns.n_unsigned, self._takedowns.n_at_once,
            self._takedowns.n_accepted, self._acts.n_verified, self._checkpoints.n_verified, self._checkpoints.last,
        )  # fmt: skip

    def _topic(self, topic: str) -> Iterator[Finding]:
        reader = self._readers(topic)
        covered = {partition for name, partition in self._checkpoints.partitions() if name == topic}
        existing = reader.partitions()
        for partition in sorted(covered | set(existing)):
            digest = PartitionDigest(topic, partition, self._checkpoints.expected(topic, partition))
            for record in _records(reader, topic, partition) if partition in existing else ():
                yield from digest.apply(record)
                yield from self._record(record)
            yield from digest.finish()

    def _record(self, record: Record) -> Iterator[Finding]:
        if record.topic == "acts":
            yield from self._acts.apply(record)
        elif record.topic == "takedowns":
            self._takedowns.apply(record)


def _records(reader: RangeReader, topic: str, partition: int) -> Iterator[Record]:
    for record in reader.read(partition, reader.first(partition), reader.end(partition)):
        yield Record(topic, partition, record.offset, record.key, record.value)


def open_audit(settings: Settings) -> Audit:
    """Return an audit of the broker's topics.

    Raises
    ------
    UsageError
        The broker does not answer, or the trusted keys cannot be read.
    """
    wait_for_broker(settings)
    keys, codec = trusted_keys(settings), create_codec(settings)
    return Audit(codec, keys, partial(RangeReader, settings))
