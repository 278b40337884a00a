"""Rights of each component on Kafka, as rules of a Strimzi KafkaUser; the doctor checks the same rights.

Names are without the prefixes of an installation: topics have a prefix of their own, groups and transactional ids the
prefix of all groups.
"""

from collections.abc import Iterable
from typing import Any

from schemas.topics import TOPICS
from streams.desk.erasure.places import copied_topics
from streams.doctor.rights import ROLES, Right, rights_of
from streams.replay.naming import CASES
from streams.settings import load_settings
from streams.topology import STAGES

type Rule = dict[str, Any]

_GROUP_PREFIX = "g"
_RUN = ("Create", "Delete", "DescribeConfigs", "Read", "Write")
"""Operations on a run's own topics, whose names end with a dot and its id."""


def rights() -> dict[str, list[Rule]]:
    """Return the rules of every component's user."""
    settings = load_settings(topic_prefix="", group_prefix=_GROUP_PREFIX)
    rules = {role: [_granted(right) for right in rights_of(role, settings)] for role in ROLES}
    rules["monitor"] = [
        *_topics(TOPICS, "Read"),
        _rule("group", "-", "prefix", "Describe"),
        _rule("group", "-followers", "literal", "Read"),
    ]
    # copies of cases in runs are erased with the case, and all of a run's topics are searched for what is left of it
    rules["desk"] += [_rule("topic", f"{CASES}.", "prefix", "AlterConfigs", "Write")]
    rules["desk"] += [_rule("topic", f"{name}.", "prefix", "Read") for name in copied_topics()]
    made_by_stages = (name for name, topic in TOPICS.items() if not set(STAGES).isdisjoint(topic.producers))
    rules["replay"] = [
        *_topics(TOPICS, "Read"),
        *_topics((name for name, topic in TOPICS.items() if "replay" in topic.producers), "Write"),
        *(_rule("topic", f"{name}.", "prefix", *_RUN) for name in made_by_stages),
        _rule("group", "-", "prefix", "Read", "Delete"),
        _rule("transactionalId", "-", "prefix", "Write"),
    ]
    return rules


def _granted(right: Right) -> Rule:
    kind = "transactionalId" if right.resource == "transactional-id" else right.resource
    name = right.name if kind == "topic" else right.name.removeprefix(_GROUP_PREFIX)
    return _rule(kind, name, "prefix" if right.prefixed else "literal", right.operation)


def _topics(names: Iterable[str], *operations: str) -> list[Rule]:
    return [_rule("topic", name, "literal", *operations) for name in names]


def _rule(resource: str, name: str, pattern: str, *operations: str) -> Rule:
    return {"resource": resource, "name": name, "pattern": pattern, "operations": list(operations)}
