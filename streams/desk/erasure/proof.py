"""Proof of an erasure: where was looked, and what was found."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec
from confluent_kafka import KafkaException, Message

from schemas.codec import Codec, WireError
from schemas.messages import DeadLetter
from streams.desk.erasure.entries import Entries
from streams.desk.erasure.places import OUTSIDE, PLACES, Fate, Place, place_of, searched_topics
from streams.desk.erasure.runs_of_bytes import DescriptorRuns
from streams.desk.erasure.steps import Show, Step
from streams.desk.erasure.subject import Subject
from streams.kafka.clients import create_codec, headers_of
from streams.kafka.raw_scan import RawScan, topic_names
from streams.settings import Settings


class Looked(msgspec.Struct, kw_only=True):
    """One topic that was read from its first record to its end."""

    topic: str
    fate: str
    ranges: dict[int, tuple[int, int]] = {}
    """First offset and end of each partition with records."""
    records: int = 0
    n_bytes: int = 0
    before: int | None = None
    """Entries with a value before the erasure; None for a topic from which nothing is erased."""
    entries: int = 0
    """Entries with a value that are still there."""
    tombstones: int = 0
    named: int = 0
    """Other records in which the id occurs."""
    descriptors: int = 0
    """Records with bytes of its descriptors."""
    others_descriptors: int = 0
    """Records of posts, or of another case with the same file, that have the same bytes."""
    problem: str = ""
    """Why it was not read to its end; empty if it was."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left that should have been erased."""
        return not (self.entries or self.descriptors or self.problem)


class Proof(msgspec.Struct, kw_only=True):
    """What was erased, how, and what was found afterwards; times in UTC."""

    case_id: str
    reference_id: str = ""
    started_at: datetime
    finished_at: datetime | None = None
    version: str = msgspec.field(default_factory=lambda: version("jikimi"))
    bootstrap_servers: str
    topic_prefix: str
    by: str = ""
    why: str = ""
    erased: int = 0
    """Entries for which tombstones were written."""
    descriptor_runs: int = 0
    """Number of runs of the descriptors' bytes, and digests of terms, searched for; 0 where they were gone before."""
    searched_share: float = 1.0
    """Share of all runs that were searched for."""
    waited_s: float = 0.0
    """Until no entry was left, or until the wait was over."""
    files_gone_at: datetime | None = None
    """When the broker will have deleted the files that compaction replaced."""
    refusals: dict[str, str] = {}
    """Topics that were not compacted at once, and why."""
    looked: list[Looked] = []
    not_looked: list[str] = []
    """Topics that cannot hold anything of a case, by the table of places."""

    @property
    def is_clean(self) -> bool:
        """Whether every topic was read and nothing is left that should have been erased."""
        return all(looked.is_clean for looked in self.looked)


def begin_proof(settings: Settings, subject: Subject, by: str, why: str) -> Proof:
    """Return an empty proof."""
    return Proof(
        case_id=subject.case_id,
        reference_id=subject.reference_id,
        started_at=datetime.now(UTC),
        bootstrap_servers=settings.bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        by=by,
        why=why,
    )


def look(settings: Settings, subject: Subject, before: Entries, proof: Proof, show: Show) -> None:
    """Read every topic that can hold anything of a case, once, and add what is found to the proof."""
    existing = {name.removeprefix(settings.topic_prefix) for name in topic_names(settings)}
    found_before = {topic.topic: len(topic.values) for topic in before.topics}
    finder = _Finder(subject, before.descriptors, create_codec(settings), settings.topic_prefix)
    topics = list(searched_topics(existing))
    for number, topic in enumerate(topics, 1):
        looked = Looked(topic=topic, fate=place_of(topic).fate, before=found_before.get(topic))
        place = {"topic": topic, "number": str(number), "n_topics": str(len(topics))}

        def shown(n_records: int, place: dict[str, str] = place) -> None:
            show(Step("reading", {**place, "records": f"{n_records:,}"}))

        _read(settings, looked, finder, shown)
        proof.looked.append(looked)
    proof.not_looked = [topic for topic, place in PLACES.items() if place.fate is Fate.NONE]
    proof.descriptor_runs, proof.searched_share = len(before.descriptors), before.descriptors.searched_share
    proof.finished_at = datetime.now(UTC)


def kept(proof: Proof) -> Iterable[Place]:
    """Yield the places in which something stays, and those outside the broker."""
    for looked in proof.looked:
        if looked.named or looked.entries:
            yield place_of(looked.topic)
    yield from OUTSIDE


_SHOWN_EVERY = 20_000
"""Records between two steps that are shown."""


def _read(settings: Settings, looked: Looked, finder: "_Finder", shown: Callable[[int], None]) -> None:
    scan = RawScan(settings, looked.topic)
    try:
        for message in scan:
            if looked.records % _SHOWN_EVERY == 0:
                shown(looked.records)
            finder.apply(looked, message)
    except KafkaException as error:
        looked.problem = error.args[0].str()
    looked.ranges = scan.ranges


class _Finder:
    """Search for the subject in single records."""

    def __init__(self, subject: Subject, descriptors: DescriptorRuns, codec: Codec, prefix: str) -> None:
        self._subject, self._descriptors, self._codec, self._prefix = subject, descriptors, codec, prefix
        self._name = subject.name.encode()

    def apply(self, looked: Looked, message: Message) -> None:
        """Count a record."""
        key, value = message.key() or b"", message.value()
        content = b"".join((key, b"\0", value or b"", *headers_of(message).values()))
        looked.records += 1
        looked.n_bytes += len(content)
        owned = looked.before is not None and self._subject.owns(key)
        looked.tombstones += owned and value is None
        looked.entries += owned and value is not None
        looked.named += not owned and self._name in content
        if not owned and self._descriptors.found_in(content):
            if self._is_of_others(looked, value or b""):
                looked.others_descriptors += 1
            else:
                looked.descriptors += 1

    def _is_of_others(self, looked: Looked, value: bytes) -> bool:
        """Return whether equal bytes are no trace: another case's own entry, or the descriptors of a published copy."""
        if looked.before is not None:
            return True
        if looked.topic.partition(".")[0] != "dead-letters":
            return False
        try:
            letter = self._codec.decode("dead-letters", value)
        except WireError:
            return False
        origin = letter.topic.removeprefix(self._prefix) if isinstance(letter, DeadLetter) else ""
        return origin in PLACES and PLACES[origin].fate is Fate.NONE
