"""What a run calls its topics, its group and its writer: nothing of it can be taken for something live."""

import re
from dataclasses import dataclass

from schemas.messages import Modality
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.settings import Settings
from streams.topology import group_prefix, run_topic

_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
"""No . and no _ : Kafka takes topics for the same that differ only in these."""

DESCRIBED: dict[str, Modality] = {"frames": "visual", "sounds": "audio", "texts": "text"}
"""Which modality lies in each topic that a describing stage reads."""

SOURCES = ("posts", *DESCRIBED, "descriptors", "scores")
"""Topics that a run can start from, in flow order."""

_WRITTEN = ("texts", "descriptors", "scores", "verdicts")
"""In flow order. Frames and sounds are as large as the media and pass through in memory."""
STATE = "fusion-state"
CASES = "cases"
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of one run.

    Raises
    ------
    UsageError
        The id cannot be part of a topic's name.
    """

    settings: Settings
    run_id: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.run_id):
            raise UsageError(f"{self.run_id!r} cannot name a run: up to 80 letters, digits and hyphens can")

    @property
    def writer(self) -> str:
        """The transactional writer's name, before the settings' prefixes."""
        return f"replay-{self.run_id}"

    @property
    def group(self) -> str:
        """The consumer group: only ever committed to, never joined."""
        return group_prefix(self.settings) + self.writer

    def of(self, topic: str) -> str:
        """Return the run's topic beside a live one, without prefix."""
        return run_topic(topic, self.run_id)

    def physical(self, topic: str) -> str:
        """Return its name on the broker."""
        return self.settings.topic_prefix + self.of(topic)


def read_topics(source: str) -> tuple[str, ...]:
    """Return the topics a run reads: what its stage does not describe anew comes as it was recorded."""
    return (source, "descriptors") if source in DESCRIBED else (source,)


def written_topics(source: str) -> tuple[str, ...]:
    """Return the topics whose records a run writes again."""
    flow = list(TOPICS)
    return tuple(topic for topic in _WRITTEN if flow.index(topic) > flow.index(source) and _may_follow(source, topic))


def all_topics(source: str) -> tuple[str, ...]:
    """Return every topic that a run makes."""
    return (*written_topics(source), DEAD_LETTERS, CASES, STATE)


def _may_follow(source: str, topic: str) -> bool:
    return topic != "texts" or source == "posts"
