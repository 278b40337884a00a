"""`jikimi label`: a person's decision on a post and a case, with the verdict that it decides on."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec

from schemas.codec import Codec, WireError
from schemas.messages import Label, LabelDecision, Verdict
from schemas.topics import TOPICS
from streams.cases.entries import read_case
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.producer import writing
from streams.kafka.topic_scan import TopicScan
from streams.kafka.usage_errors import usage_errors
from streams.settings import Settings

DECIDING: frozenset[LabelDecision] = frozenset({"copy", "other"})
"""Decisions that end a review. After `unsure` anybody may decide, after `escalate` another person only."""


def label_key(post_id: str, case_id: str) -> str:
    """Return the key of a label; a later label of the same post and case replaces it."""
    return f"{post_id}/{case_id}"


def write_label(settings: Settings, label: Label) -> Label:
    """Write a label with the last retained verdict of its post and case, and return it.

    Labels are kept for ever, so only those of posts that were seen. Without a verdict a label issues no takedown, but
    one that was held or withdrawn; it is kept for the evaluation of models.

    Raises
    ------
    UsageError
        There is no such case, or no such post in the retained verdicts and posts, or the reviewer has escalated it.
    """
    asyncio.run(read_case(settings, label.case_id))
    _check_escalation(settings, label)
    values = retained_values(settings, "verdicts", label.post_id)
    if not values and not retained_values(settings, "posts", label.post_id):
        days = TOPICS["posts"].retention_hours // 24
        raise UsageError(
            f"no post {label.post_id} in the last {days} days: the label is refused, as it is kept for ever"
        )
    label = msgspec.structs.replace(label, verdict=_last_verdict(create_codec(settings), values, label.case_id))
    with writing(settings) as writer:
        writer.write("labels", label_key(label.post_id, label.case_id), label)
    return label


def recent_labels(settings: Settings, case_id: str = "") -> list[Label]:
    """Return the labels since the oldest retained verdict, of one case or all, in order.

    No label is older than its verdict. The labels have no verdict here: it may hold pictures.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec, since = create_codec(settings), _oldest_verdict()
    with usage_errors(settings), closing(TopicScan(settings, "labels")) as scan:
        found = (decoded_label(codec, record.value or b"") for record in scan.records(since))
        wanted = (label for label in found if label is not None and case_id in {"", label.case_id})
        return [msgspec.structs.replace(label, verdict=None) for label in wanted]


def what_follows(label: Label) -> str:
    """Return one line on what a written label does, for the person who wrote it."""
    if label.decision == "copy":
        days = TOPICS["verdicts"].retention_hours // 24
        if label.verdict is None:
            return (
                f"no verdict on this post and case in the last {days} days: the label is kept for the evaluation of "
                "models, and issues a takedown only if one is held or withdrawn"
            )
        return "the takedown is issued, unless it is requested already, the post is gone, or the case waits"
    if label.decision == "other":
        return "the takedown is withdrawn if there is one, and no later verdict issues it; `copy` would"
    stays = f"the post stays in `jikimi reviews --case {label.case_id}`"
    return f"another person has to decide: {stays}" if label.decision == "escalate" else f"nothing changes: {stays}"


def _check_escalation(settings: Settings, label: Label) -> None:
    """Refuse the decision of whoever asked for another person's; pseudonyms are compared."""
    last = _last_label(settings, label_key(label.post_id, label.case_id))
    if last is None or last.decision != "escalate" or last.reviewer != label.reviewer or label.decision not in DECIDING:
        return
    raise UsageError(f"{label.reviewer} has escalated {label.post_id}: another reviewer has to decide on it")


def _last_label(settings: Settings, key: str) -> Label | None:
    """Return the label in force on a post and case, None if it is older than any retained verdict."""
    codec, since = create_codec(settings), _oldest_verdict()
    with usage_errors(settings), closing(TopicScan(settings, "labels")) as scan:
        records = scan.records(since, partition_of_key=key.encode())
        values = [record.value or b"" for record in records if record.key == key.encode()]
    labels = [label for value in values if (label := decoded_label(codec, value)) is not None]
    return labels[-1] if labels else None


def _oldest_verdict() -> datetime:
    return datetime.now(UTC) - timedelta(hours=TOPICS["verdicts"].retention_hours)


def decoded_label(codec: Codec, value: bytes) -> Label | None:
    """Return the label in a record, None if it cannot be decoded or is none."""
    try:
        label = codec.decode("labels", value)
    except WireError:
        return None
    return label if isinstance(label, Label) else None


def _last_verdict(codec: Codec, values: list[bytes], case_id: str) -> Verdict | None:
    for value in reversed(values):
        try:
            verdict = codec.decode("verdicts", value)
        except WireError:
            continue
        if isinstance(verdict, Verdict) and verdict.case_id == case_id:
            return verdict
    return None


def retained_values(settings: Settings, topic: str, key: str) -> list[bytes]:
    """Return the values of a key, in order: those in its partition or, before partitions were added, in another.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    with usage_errors(settings), closing(TopicScan(settings, topic)) as scan:
        for partition_of_key in (key.encode(), None):
            records = scan.records(partition_of_key=partition_of_key)
            if found := [record.value or b"" for record in records if record.key == key.encode()]:
                return found
    return []
