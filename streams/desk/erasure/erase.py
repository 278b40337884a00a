"""Erasure of a case or of one reference: tombstones, compaction at once, and the proof."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from streams.cases.entries import TOPIC as CASES
from streams.desk.erasure.compacting import CompactedTopicWait, compacting
from streams.desk.erasure.entries import Entries
from streams.desk.erasure.proof import Proof, begin_proof, look
from streams.desk.erasure.steps import Show, Step
from streams.desk.erasure.subject import Subject
from streams.kafka.producer import TopicWriter, writing
from streams.kafka.usage_errors import usage_errors
from streams.settings import Settings

_POLL_S = 0.5


def erase(
    settings: Settings, subject: Subject, entries: Entries, *, wait_s: float, show: Show, by: str = "", why: str = ""
) -> Proof:
    """Erase what `find_entries` has found, and return the proof; it can be repeated, also after a kill.

    Parameters
    ----------
    wait_s
        How long compaction is waited for; 0 leaves it to the broker.

    Raises
    ------
    UsageError
        The broker does not answer.
    """
    proof = begin_proof(settings, subject, by, why)
    with usage_errors(settings, "; repeat the command"):
        with writing(settings) as writer:
            proof.erased = write_tombstones(writer, entries)
            if wait_s:
                with ExitStack() as stack:
                    topics = [stack.enter_context(compacting(settings, writer, topic)) for topic in entries.topics]
                    proof.waited_s = _wait(topics, wait_s, show)
                _note(proof, topics)
        look(settings, subject, entries, proof, show)
    return proof


def write_tombstones(writer: TopicWriter, entries: Entries) -> int:
    """Erase all entries in force and return the number of those in the topic of cases.

    Copies in runs come first, and a run in progress applies them at once. The policy, whose key is the shortest, is the
    last of a case.
    """
    for topic in entries.topics:
        for key in sorted(topic.in_force, reverse=True):
            writer.write(topic.topic, key, None)
    writer.flush()
    return sum(len(topic.in_force) for topic in entries.topics if topic.topic == CASES)


def _wait(topics: list[CompactedTopicWait], wait_s: float, show: Show) -> float:
    """Return the seconds until no topic had an entry with a value left, or until the wait was over."""
    began_s = time.monotonic()
    while left := [topic for topic in topics if not topic.is_done()]:
        if (left_s := began_s + wait_s - time.monotonic()) <= 0:
            break
        names = ", ".join(topic.compaction.topic for topic in left)
        show(Step("compacting", {"topics": names, "seconds": f"{left_s:.0f}"}))
        time.sleep(_POLL_S)
    return round(time.monotonic() - began_s, 1)


def _note(proof: Proof, topics: list[CompactedTopicWait]) -> None:
    compactions = [topic.compaction for topic in topics]
    proof.refusals = {compaction.topic: compaction.refusal for compaction in compactions if compaction.refusal}
    proof.files_gone_at = datetime.now(UTC) + timedelta(seconds=max(one.file_delay_s for one in compactions))
