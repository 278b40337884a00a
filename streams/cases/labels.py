"""`jikimi label`: a person's decision on a post and a case, for the evaluation of models."""

import asyncio
from contextlib import closing

from confluent_kafka import KafkaException

from schemas.messages import Label
from schemas.topics import TOPICS
from streams.cases.entries import read_case
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.kafka.topic_scan import TopicScan
from streams.settings import Settings

_TOPICS_OF_POSTS = ("verdicts", "posts")
"""Topics whose key is the post id, the shorter one first."""


def label_key(post_id: str, case_id: str) -> str:
    """Return the key of a label; a later label of the same post and case replaces it."""
    return f"{post_id}/{case_id}"


def write_label(settings: Settings, label: Label) -> None:
    """Write a label; labels are kept for ever, so only those of posts that were seen.

    Raises
    ------
    UsageError
        There is no such case, or no such post in the retained verdicts and posts.
    """
    asyncio.run(read_case(settings, label.case_id))
    if not any(_has_record(settings, topic, label.post_id) for topic in _TOPICS_OF_POSTS):
        days = TOPICS[_TOPICS_OF_POSTS[-1]].retention_hours // 24
        raise UsageError(
            f"no post {label.post_id} in the last {days} days: the label is refused, as it is kept for ever"
        )
    with writing(settings) as writer:
        writer.write("labels", label_key(label.post_id, label.case_id), label)


def _has_record(settings: Settings, topic: str, key: str) -> bool:
    try:
        with closing(TopicScan(settings, topic)) as scan:
            return any(record.key == key.encode() for record in scan.records())
    except KafkaException as error:
        raise UsageError(f"{settings.bootstrap_servers}: {error.args[0].str()}") from error
