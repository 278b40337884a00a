"""Check of the rights of each role, by queries to the broker, not by trial."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from streams.doctor.broker_probe import Probe
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.doctor.rights import Right, rights_of
from streams.kafka.clients import client_config
from streams.settings import Settings

_ANSWER_S = 20.0
_OPERATIONS = {"Read": AclOperation.READ, "Write": AclOperation.WRITE, "AlterConfigs": AclOperation.ALTER_CONFIGS}
_WORDS = {"Read": "read", "Write": "write", "AlterConfigs": "alter settings of"}

type Allowed = set[AclOperation] | None
"""Allowed operations; None if the broker does not report them."""


def permissions(settings: Settings, roles: Iterable[str], probe: Probe) -> Iterator[Finding]:
    """Yield the rights that each role lacks, or that it has all it needs."""
    needs = {role: list(rights_of(role, settings)) for role in roles}
    needed = dict.fromkeys(right for rights in needs.values() for right in rights)
    try:
        allowed = _allowed(AdminClient(client_config(settings)), needed, probe)
    except KafkaException as error:
        yield warn("permissions", f"the broker does not answer the query: {error.args[0].str()}", _REMEDY)
        return
    if all(operations is None for right, operations in allowed.items() if right.resource != "transactional-id"):
        yield warn("permissions", "this broker does not report the rights of its clients", _REMEDY)
        return
    for role, rights in needs.items():
        yield from _findings(role, rights, allowed, settings.sasl_username or "ANONYMOUS")


_REMEDY = "a missing right appears as TopicAuthorizationFailed in a worker's log"


def _findings(role: str, rights: list[Right], allowed: dict[Right, Allowed], user: str) -> Iterator[Finding]:
    check = f"rights of {role}"
    reported = {right: operations for right in rights if (operations := allowed[right]) is not None}
    missing = [right for right, operations in reported.items() if _OPERATIONS[right.operation] not in operations]
    for right in missing:
        message = f"{user} may not {_WORDS[right.operation]} {right.resource} {right.name}"
        yield wrong(check, message, right.remedy(user))
    if not missing:
        unknown = f", {len(rights) - len(reported)} not reported" if len(reported) < len(rights) else ""
        yield ok(check, f"{user} has {len(reported)} of {len(rights)} rights it needs{unknown}")


def _allowed(client: AdminClient, rights: Iterable[Right], probe: Probe) -> dict[Right, Allowed]:
    names = {kind: sorted({r.name for r in rights if r.resource == kind}) for kind in ("topic", "group")}
    allowed: dict[tuple[str, str], Allowed] = {}
    topics = client.describe_topics(
        TopicCollection(names["topic"]), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    allowed |= {("topic", name): _operations(answer) for name, answer in topics.items()}
    if names["group"]:
        groups = client.describe_consumer_groups(
            names["group"], include_authorized_operations=True, request_timeout=_ANSWER_S
        )
        allowed |= {("group", name): _operations(answer) for name, answer in groups.items()}
    for right in rights:
        if right.resource == "transactional-id":
            # For these the broker reports only whether they may be described, which the right to write includes.
            may = probe.transactional_id_allowed(f"{right.name}doctor")
            allowed[right.resource, right.name] = None if may is None else {AclOperation.WRITE} if may else set()
    return {right: allowed[right.resource, right.name] for right in rights}


def _operations(answer: Future[Any]) -> Allowed:
    """Return the allowed operations in an answer; none if even the query is refused."""
    try:
        operations = answer.result(_ANSWER_S).authorized_operations
    except KafkaException as error:
        if error.args[0].code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            return set()
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None  # reported by the check of topics
        raise
    return None if operations is None else set(operations)
