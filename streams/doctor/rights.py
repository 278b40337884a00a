"""Rights that a role needs on a broker with access rules, from topics.yaml and the names of groups."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from schemas.topics import TOPICS
from streams.desk.erasure.places import erased_topics, searched_topics
from streams.settings import Settings
from streams.topology import OPTIONAL, STAGES, group, group_prefix, readers_group, redriven_topics

ROLES = (*STAGES, *OPTIONAL, "feeds", "search", "reading", "exchange", "desk")
"""Roles that can be checked. search: `jikimi feed search`; reading: the HTTP feed with the takedowns of platforms."""
_FEEDS = ("feeds", "search", "reading")
"""Roles that do what a feed does, and more."""

Resource = Literal["topic", "group", "transactional-id"]

_ALSO_READS = {
    "takedown": ("takedowns", "acts", "deliveries", "checkpoints"),  # its only state, and what its checkpoints cover
    "delivery": ("acts",),
    "decode": ("frames", "sounds"),  # its own of earlier posts, and so the others, for the same file again
    "visual": ("descriptors",),
    "audio": ("descriptors",),
    "screen": ("texts",),
    "search": ("cases",),
    "reading": ("takedowns",),
    "exchange": ("cases", "labels", "lists"),
    "desk": ("posts", "labels", "takedowns", "dead-letters", *searched_topics(set())),
}
_ALSO_WRITES = {"reading": ("deliveries",), "exchange": ("acts", "cases", "lists")}


class Right(NamedTuple):
    """One operation on one resource."""

    resource: Resource
    name: str
    """Name on the broker; for transactional ids, their common prefix."""
    operation: Literal["Read", "Write", "AlterConfigs"]

    @property
    def prefixed(self) -> bool:
        """Whether the rule must cover every name with this prefix."""
        return self.resource == "transactional-id"

    def remedy(self, user: str) -> str:
        """Return Kafka's command that grants the right, and the rule of a Strimzi KafkaUser."""
        pattern = ("--resource-pattern-type prefixed ", ", patternType: prefix") if self.prefixed else ("", "")
        kind = "transactionalId" if self.resource == "transactional-id" else self.resource
        return (
            f"kafka-acls.sh --add --allow-principal User:{user} --operation {self.operation} {pattern[0]}"
            f"--{self.resource} {self.name}  (Strimzi: {{resource: {{type: {kind}, name: {self.name}{pattern[1]}}}, "
            f"operations: [{self.operation}]}})"
        )


def rights_of(role: str, settings: Settings) -> Iterator[Right]:
    """Yield the rights that a role needs; each includes the right to describe."""
    prefix = settings.topic_prefix
    for topic in TOPICS.values():
        if _reads(role, topic.name):
            yield Right("topic", prefix + topic.name, "Read")
        if _producer(role) in topic.producers or topic.name in _ALSO_WRITES.get(role, ()):
            yield Right("topic", prefix + topic.name, "Write")
    yield Right("group", readers_group(settings), "Read")
    if role in (*STAGES, *OPTIONAL):
        yield Right("group", group(settings, role), "Read")
    if role == "desk":
        yield from _desk(settings)
    for state in TOPICS.values():
        if state.internal and role in state.producers:
            yield Right("transactional-id", f"{group_prefix(settings)}{state.name}-", "Write")
    if role in _FEEDS:
        yield Right("transactional-id", f"{group_prefix(settings)}feed-", "Write")
    if role in {"desk", "exchange"}:
        yield Right("transactional-id", f"{group_prefix(settings)}exchange", "Write")


def _desk(settings: Settings) -> Iterator[Right]:
    """Yield the rights to redrive dead letters, to compact what was erased, and to notify officers."""
    prefix = settings.topic_prefix
    redriven = {topic for stage in STAGES for topic in redriven_topics(stage)}
    for name in sorted(name for name in redriven if "desk" not in TOPICS[name].producers):
        yield Right("topic", prefix + name, "Write")
    for name in erased_topics():
        yield Right("topic", prefix + name, "AlterConfigs")
    yield Right("transactional-id", f"{group_prefix(settings)}redrive", "Write")
    yield Right("group", group(settings, "notify"), "Read")


def _producer(role: str) -> str:
    """Return the name under which topics.yaml has a role."""
    return "feeds" if role in _FEEDS else role


def _reads(role: str, name: str) -> bool:
    consumers = TOPICS[name].consumers
    return (
        _producer(role) in consumers or name in _ALSO_READS.get(role, ()) or (role in STAGES and "workers" in consumers)
    )
