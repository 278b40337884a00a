"""Names of a run's topics, group and writer, all distinct from live ones."""

import re
from dataclasses import dataclass

from schemas.messages import Modality
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.settings import Settings
from streams.topology import group_prefix, run_topic

_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
"""Without . and _ because topics that differ only in these collide in Kafka."""

DESCRIBED: dict[str, Modality] = {"frames": "visual", "sounds": "audio", "texts": "text"}
"""Modality of each topic that a describing stage reads."""

SOURCES = ("posts", *DESCRIBED, "descriptors", "scores")
"""Topics that a run can start from, in flow order."""

_WRITTEN = ("texts", "descriptors", "scores", "verdicts")
"""In flow order, without frames and sounds: these are as large as the media and pass through in memory."""
STATE = "fusion-state"
CASES = "cases"
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of one run.

    Raises
    ------
    UsageError
        The id cannot be part of a topic name.
    """

    settings: Settings
    run_id: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.run_id):
            raise UsageError(f"{self.run_id!r} cannot name a run: use up to 80 letters, digits and hyphens")

    @property
    def writer(self) -> str:
        """Name of the transactional writer, without the settings' prefixes."""
        return f"replay-{self.run_id}"

    @property
    def group(self) -> str:
        """Consumer group, to which offsets are committed and which no consumer joins."""
        return group_prefix(self.settings) + self.writer

    def of(self, topic: str) -> str:
        """Return the name of the run's counterpart of a live topic, without prefix."""
        return run_topic(topic, self.run_id)

    def physical(self, topic: str) -> str:
        """Return the name of that topic on the broker."""
        return self.settings.topic_prefix + self.of(topic)


def read_topics(source: str) -> tuple[str, ...]:
    """Return the topics that a run reads: the descriptors of other modalities are taken as recorded."""
    return (source, "descriptors") if source in DESCRIBED else (source,)


def written_topics(source: str) -> tuple[str, ...]:
    """Return the topics whose records a run writes: those downstream of its source."""
    flow = list(TOPICS)
    downstream = [topic for topic in _WRITTEN if flow.index(topic) > flow.index(source)]
    return tuple(topic for topic in downstream if topic != "texts" or source == "posts")


def all_topics(source: str) -> tuple[str, ...]:
    """Return every topic that a run creates."""
    return (*written_topics(source), DEAD_LETTERS, CASES, STATE)
