"""Whether the broker allows what a role needs; asked, never tried."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from streams.doctor.finding import Finding, ok, warn, wrong
from streams.doctor.probe import Probe
from streams.doctor.rights import Right, rights_of
from streams.kafka.clients import client_config
from streams.settings import Settings

_ANSWER_S = 20.0
_OPERATIONS = {"Read": AclOperation.READ, "Write": AclOperation.WRITE}

type Allowed = set[AclOperation] | None
"""What may be done; None where the broker does not tell."""


def permissions(settings: Settings, roles: Iterable[str], probe: Probe) -> Iterator[Finding]:
    """Yield what each role may not do, or that it may do all it needs."""
    needs = {role: list(rights_of(role, settings)) for role in roles}
    wanted = dict.fromkeys(right for rights in needs.values() for right in rights)
    try:
        told = _ask(AdminClient(client_config(settings)), wanted, probe)
    except KafkaException as error:
        yield warn("permissions", f"the broker does not answer about them: {error.args[0].str()}", _TELL)
        return
    if all(allowed is None for right, allowed in told.items() if right.resource != "transactional-id"):
        yield warn("permissions", "this broker does not tell what its clients may do", _TELL)
        return
    for role, rights in needs.items():
        yield from _judged(role, rights, told, settings.sasl_username or "ANONYMOUS")


_TELL = "a missing right would show as TopicAuthorizationFailed in a worker's log"


def _judged(role: str, rights: list[Right], told: dict[Right, Allowed], user: str) -> Iterator[Finding]:
    check = f"rights of {role}"
    known = {right: allowed for right in rights if (allowed := told[right]) is not None}
    missing = [right for right, allowed in known.items() if _OPERATIONS[right.operation] not in allowed]
    for right in missing:
        said = f"{user} may not {right.operation.lower()} {right.resource} {right.name}"
        yield wrong(check, said, right.remedy(user))
    if not missing:
        unknown = f", {len(rights) - len(known)} not known" if len(known) < len(rights) else ""
        yield ok(check, f"{user} may do {len(known)} of {len(rights)} things it needs{unknown}")


def _ask(client: AdminClient, rights: Iterable[Right], probe: Probe) -> dict[Right, Allowed]:
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
            # Of these the broker tells only whether they may be described, which the right to write includes.
            may = probe.transactional_id_allowed(f"{right.name}doctor")
            allowed[right.resource, right.name] = None if may is None else {AclOperation.WRITE} if may else set()
    return {right: allowed[right.resource, right.name] for right in rights}


def _operations(answer: Future[Any]) -> Allowed:
    """Return what the broker says may be done; nothing where even the question is refused."""
    try:
        told = answer.result(_ANSWER_S).authorized_operations
    except KafkaException as error:
        if error.args[0].code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            return set()
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None  # said with the topics
        raise
    return None if told is None else set(told)
