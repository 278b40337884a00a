"""What a role must be allowed on a broker with access rules, as topics.yaml and the names of groups imply."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from schemas.topics import TOPICS
from streams.settings import Settings
from streams.topology import OPTIONAL, STAGES, group, group_prefix, readers_group

ROLES = (*STAGES, *OPTIONAL, "feeds", "desk")
"""Who may be asked about."""

Resource = Literal["topic", "group", "transactional-id"]

_ALSO_READS = {
    "takedown": ("takedowns",),  # its only memory
    "desk": ("cases", "takedowns", "dead-letters"),
}


class Right(NamedTuple):
    """One operation on one resource."""

    resource: Resource
    name: str
    """On the broker; of a transactional id, what all of them start with."""
    operation: Literal["Read", "Write"]

    @property
    def prefixed(self) -> bool:
        """Whether a rule must cover every name that starts so."""
        return self.resource == "transactional-id"

    def remedy(self, user: str) -> str:
        """Return how to grant it: with Kafka's own command, and as a rule of a Strimzi KafkaUser."""
        pattern = ("--resource-pattern-type prefixed ", ", patternType: prefix") if self.prefixed else ("", "")
        kind = "transactionalId" if self.resource == "transactional-id" else self.resource
        return (
            f"kafka-acls.sh --add --allow-principal User:{user} --operation {self.operation} {pattern[0]}"
            f"--{self.resource} {self.name}  (Strimzi: {{resource: {{type: {kind}, name: {self.name}{pattern[1]}}}, "
            f"operations: [{self.operation}]}})"
        )


def rights_of(role: str, settings: Settings) -> Iterator[Right]:
    """Yield what a role needs; the right to describe comes with each of them."""
    prefix = settings.topic_prefix
    for topic in TOPICS.values():
        if _reads(role, topic.name):
            yield Right("topic", prefix + topic.name, "Read")
        if role in topic.producers:
            yield Right("topic", prefix + topic.name, "Write")
    yield Right("group", readers_group(settings), "Read")
    if role in (*STAGES, *OPTIONAL):
        yield Right("group", group(settings, [role]), "Read")
    if role == "feeds":
        yield Right("transactional-id", f"{group_prefix(settings)}feed-", "Write")


def _reads(role: str, name: str) -> bool:
    consumers = TOPICS[name].consumers
    return role in consumers or name in _ALSO_READS.get(role, ()) or (role in STAGES and "workers" in consumers)
