"""Erasure of entries of the cases topic and of their copies in replays and shadows."""

import asyncio
from collections.abc import Sequence

from confluent_kafka.admin import AdminClient

from streams.cases.entries import TOPIC
from streams.kafka.clients import client_config
from streams.kafka.producer import TopicWriter
from streams.kafka.topic_reader import read_latest
from streams.settings import Settings
from streams.topology import run_topic

_ANSWER_S = 30.0


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
