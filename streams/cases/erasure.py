"""A withdrawn case leaves the runs too: their copies of its references go as the live ones do."""

import asyncio
from collections.abc import Sequence

from confluent_kafka.admin import AdminClient

from streams.kafka.clients import client_config
from streams.kafka.producer import TopicWriter
from streams.replay.naming import CASES, Naming
from streams.replay.runs import read_runs
from streams.settings import Settings

_ANSWER_S = 30.0


def erase(settings: Settings, writer: TopicWriter, keys: Sequence[str]) -> None:
    """Write tombstones for these entries to every run that keeps cases; a run at work forgets them at once."""
    there = AdminClient(client_config(settings)).list_topics(timeout=_ANSWER_S).topics
    for run_id in asyncio.run(read_runs(settings)):
        naming = Naming(settings, run_id)
        if naming.physical(CASES) in there:
            for key in keys:
                writer.write(naming.of(CASES), key, None)
