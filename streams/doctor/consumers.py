"""Checks of the running stages: workers that read every partition of each stage's topics, and consumer lag."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.kafka.clients import client_config, reader_config
from streams.kafka.lag import LagReader, StageLag
from streams.kafka.offsets import Partition, committed_offsets
from streams.settings import Settings
from streams.topology import CLIENT_ID, all_stages, group, sources

_ANSWER_S = 30.0
"""A new broker needs a while to answer the first query of a group."""
_LIMIT_S = _ANSWER_S + 1.0
"""The client's own limit does not hold while it looks for a coordinator."""
_SETTLE_S, _POLL_S = 15.0, 0.5
"""Longest wait for the end of a rebalance, in which no partition is assigned."""
MAX_AGE_S = 60.0
"""Age of the oldest unprocessed record above which a stage is behind, as in the alert JikimiStageBehind."""
_SECOND_LOOK_S = 5.0
_MAX_NAMED = 5
_AS_MONITOR = "run the doctor as a user that may describe all groups and topics, such as the monitor's"
_REFUSALS = {
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


class Consumers(NamedTuple):
    """Members of a stage's consumer group."""

    group: str
    members: int
    """Workers."""
    assigned: Collection[Partition]
    """Partitions of workers."""
    strangers: Sequence[str] = ()
    """Other members: client id and host."""


def consumers(settings: Settings, roles: Collection[str]) -> Iterator[Finding]:
    """Yield, for each of the roles that is a stage, whether its topics are read and how far it is behind."""
    stages = [stage for stage in all_stages(settings) if stage in roles]
    if not stages:
        return
    for check, findings in (("consumers", _consumers(settings, stages)), ("lag", _lags(settings, stages))):
        try:
            yield from findings
        except UsageError as error:  # a missing topic, which the check of topics reports
            yield warn(check, str(error), _AS_MONITOR)
        except KafkaException as error:
            yield _unknown(check, error.args[0])
        except TimeoutError:
            yield _unknown(check, KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name


def _unknown(check: str, error: KafkaError) -> Finding:
    message = f"the broker does not answer the query: {error.str()}"
    return warn(check, message, _AS_MONITOR) if error.code() in _REFUSALS else wrong(check, message, "run it again")


def reading(stage: str, found: Consumers, partitions: Sequence[Partition]) -> Finding:
    """Return whether the members of a stage's group are assigned all partitions of its topics."""
    check, name = f"consumers of {stage}", found.group
    if found.strangers:
        named = ", ".join(found.strangers[:_MAX_NAMED])
        remedy = "give that program a group of its own, then run the doctor again: records that it has read are skipped"
        return wrong(check, f"{len(found.strangers)} members of group {name} are not workers: {named}", remedy)
    topics = ", ".join(sources(stage))
    if not found.members:
        return wrong(check, f"no worker: group {name} has no members, {topics} is not read", _start(stage))
    if unread := sorted(set(partitions) - set(found.assigned)):
        named = ", ".join(f"{topic}/{number}" for topic, number in unread[:_MAX_NAMED])
        more = f" and {len(unread) - _MAX_NAMED} more" if len(unread) > _MAX_NAMED else ""
        remedy = "look at the logs of its workers; if they rebalance, run the doctor again"
        return wrong(check, f"{named}{more} is assigned to none of {found.members} members of group {name}", remedy)
    return ok(check, f"{found.members} members of group {name} read all {len(partitions)} partitions of {topics}")


def lagging(stage: str, lag: StageLag, later: StageLag, now_s: float) -> Finding:
    """Return whether a stage is behind, given its consumer lag at two moments."""
    check = f"lag of {stage}"
    if later.oldest_s is None:
        return ok(check, "no record is waiting")
    age_s = max(0.0, now_s - later.oldest_s)
    message = f"{later.records} records are waiting, the oldest for {age_s:.0f} s"
    if age_s <= MAX_AGE_S:
        return ok(check, message)
    if later.records < lag.records:
        return warn(check, f"{message}; fewer than {_SECOND_LOOK_S:g} s ago", "wait, or start more workers")
    return wrong(check, f"{message}; not fewer than {_SECOND_LOOK_S:g} s ago", _start(stage) + ", or more of them")


def _lags(settings: Settings, stages: Collection[str]) -> Iterator[Finding]:
    with closing(LagReader(settings)) as lag_reader:
        first = second = lag_reader.lags(lag_reader.end_offsets())
        if any(_is_old(lag) for lag in first.values()):
            time.sleep(_SECOND_LOOK_S)
            second = lag_reader.lags(lag_reader.end_offsets())
        for stage in stages:
            if stage in first:
                yield lagging(stage, first[stage], second[stage], time.time())


def _is_old(lag: StageLag) -> bool:
    return lag.oldest_s is not None and time.time() - lag.oldest_s > MAX_AGE_S


def _start(stage: str) -> str:
    return f"start `jikimi worker {stage}`"


def _consumers(settings: Settings, stages: Sequence[str]) -> Iterator[Finding]:
    client = AdminClient(client_config(settings))
    names = {stage: group(settings, stage) for stage in stages}
    described = _describe(client, _existing(settings, client, list(names.values())))
    topics = client.list_topics(timeout=_ANSWER_S).topics
    for stage, name in names.items():
        existing = [topic for topic in sources(stage) if settings.topic_prefix + topic in topics]
        partitions = [(topic, n) for topic in existing for n in topics[settings.topic_prefix + topic].partitions]
        found = described.get(name)
        yield reading(stage, _members(settings, found) if found is not None else Consumers(name, 0, []), partitions)


def _existing(settings: Settings, client: AdminClient, groups: Sequence[str]) -> list[str]:
    """Return the groups that exist; raises `KafkaException` if one of the others may not be described.

    The description of a group that does not exist fails on a new broker, and can end the client with a segmentation
    fault. The list leaves out what this user may not see; the commits of such a group are refused.
    """
    listed = {one.group_id for one in client.list_consumer_groups(request_timeout=_ANSWER_S).result(_LIMIT_S).valid}
    for name in groups:
        if name not in listed:
            with closing(Consumer(reader_config(settings, name))) as consumer:
                committed_offsets(consumer, [(settings.topic_prefix + "posts", 0)], _ANSWER_S)
    return [name for name in groups if name in listed]


def _describe(client: AdminClient, groups: Sequence[str]) -> dict[str, ConsumerGroupDescription]:
    """Return the descriptions of groups, after a rebalance if one ends in time."""
    deadline_s = time.monotonic() + _SETTLE_S
    while True:
        answers = client.describe_consumer_groups(list(groups), request_timeout=_ANSWER_S) if groups else {}
        found = {name: answer.result(_LIMIT_S) for name, answer in answers.items()}
        if not any(_is_rebalancing(described) for described in found.values()) or time.monotonic() > deadline_s:
            return found
        time.sleep(_POLL_S)


def _is_rebalancing(described: ConsumerGroupDescription) -> bool:
    return described.state in {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}


def _members(settings: Settings, described: ConsumerGroupDescription) -> Consumers:
    workers = [member for member in described.members if member.client_id == CLIENT_ID]
    assigned = {
        (tp.topic.removeprefix(settings.topic_prefix), tp.partition)
        for member in workers
        for tp in member.assignment.topic_partitions
    }
    strangers = [f"{one.client_id} at {one.host}" for one in described.members if one.client_id != CLIENT_ID]
    return Consumers(described.group_id, len(workers), assigned, strangers)
