"""`jikimi case withdraw`: erasure of entries of the cases topic and of their copies in replays and shadows."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient

from streams.cases.entries import TOPIC, read_keys
from streams.cases.reference_reviews import TOPIC as REVIEWS
from streams.cases.reference_reviews import read_reviews
from streams.desk.case_book import CaseBook
from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.producer import TopicWriter, writing
from streams.kafka.topic_reader import read_latest
from streams.settings import Settings
from streams.topology import run_topic

_ANSWER_S = 30.0


def withdraw_case(settings: Settings, case_id: str) -> int:
    """Erase every entry of a case and return their number; matchers drop it and pending takedowns are withdrawn.

    Raises
    ------
    UsageError
        There is no such case.
    """
    keys = _of_case(case_id, asyncio.run(read_keys(settings)))
    if not keys:
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    keys.sort(reverse=True)  # the policy, whose key is the shortest, last: after a crash the command can be repeated
    reviews = _of_case(case_id, asyncio.run(read_reviews(settings)))
    with writing(settings) as writer:
        erase_entries(settings, writer, keys)
        for key in reviews:
            writer.write(REVIEWS, key, None)
    with suppress(OSError):  # a note that cannot be changed has no names that others could read
        CaseBook(settings).withdraw(case_id, datetime.now(UTC))
    return len(keys)


def erase_entries(settings: Settings, writer: TopicWriter, keys: Sequence[str]) -> None:
    """Write tombstones for these keys, first to the runs' copies; a run in progress applies them at once."""
    for topic in (*_copies(settings), TOPIC):
        for key in keys:
            writer.write(topic, key, None)


def _copies(settings: Settings) -> list[str]:
    """Return the topics, without prefix, with the runs' copies of cases."""
    existing = AdminClient(client_config(settings)).list_topics(timeout=_ANSWER_S).topics
    run_ids = [key.decode(errors="replace") for key in asyncio.run(read_latest(settings, "runs"))]
    copies = [run_topic(TOPIC, run_id) for run_id in run_ids]
    return [topic for topic in copies if settings.topic_prefix + topic in existing]


def _of_case(case_id: str, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key.split("/", 1)[0] == case_id]
