"""Real workers on a real Apache Kafka, with cases open, for the sections that measure the whole flow."""

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import msgspec

from ops.broker.kafka import Kafka
from ops.broker.raw import Broker
from schemas.messages import Message, Post
from streams.demo.processes import Worker
from streams.demo.scenario import CLOVER
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.kafka import topic_admin
from streams.kafka.producer import TopicWriter, writing
from streams.settings import Settings, load_settings
from streams.topology import STAGES

ALL_STAGES = [stage for stage in STAGES if stage != "delivery"]
"""From a post to its takedown event; no notice is sent to anybody."""
_POLL_S = 0.25
_STALL_S = 600.0
"""Time without a further verdict after which a run is given up."""


@dataclass
class Rig:
    """A broker with topics and one case; workers are started on it."""

    settings: Settings
    environment: Mapping[str, str]
    folder: Path
    broker: Broker
    writer: TopicWriter
    """One for all posts, as a feed has: half a second passes before a new one has its id from the broker."""

    def worker(self, stages: Sequence[str], name: str = "") -> Worker:
        """Return a worker of these stages, not started; a second one of the same stages needs a name."""
        folder = self.folder / (name or "first")
        folder.mkdir(exist_ok=True)
        return Worker(stages, folder, self.environment)

    def feed(self, posts: Collection[Post]) -> None:
        """Write posts that are seen now."""
        for post in posts:
            now = datetime.now(UTC)
            self.writer.write("posts", post.post_id, msgspec.structs.replace(post, published_at=now, seen_at=now))
        self.writer.flush()

    def wait(self, topic: str, wanted: Collection[str], workers: Collection[Worker]) -> dict[str, Message]:
        """Return the first message of each of these posts in a topic, when all have one.

        Raises
        ------
        TimeoutError
            None came for ten minutes.
        UsageError
            A worker ended by itself.
        """
        found: dict[str, Message] = {}
        until_s = time.monotonic() + _STALL_S
        while len(found) < len(set(wanted)):
            before = len(found)
            for message in self.broker.messages(topic):
                if message.post.post_id in wanted:
                    found.setdefault(message.post.post_id, message)
            if len(found) > before:
                until_s = time.monotonic() + _STALL_S
            if time.monotonic() > until_s:
                raise TimeoutError(f"{len(found)} of {len(wanted)} posts are in {topic}")
            for worker in workers:
                worker.check()
            time.sleep(_POLL_S)
        return found


@contextmanager
def system(
    folder: Path, *, partitions: Mapping[str, int] | None = None, **changes: str
) -> Iterator[tuple[Settings, dict[str, str]]]:
    """Yield the settings of a broker with topics, and the environment that gives them to workers.

    Parameters
    ----------
    changes
        More settings, as environment variables without prefix.

    Raises
    ------
    UnavailableError
        There is no Java on this machine.
    """
    (folder / "kafka").mkdir()
    with Kafka(folder / "kafka") as kafka:
        environment = {
            "JIKIMI_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "JIKIMI_TERM_KEY": "a key for this bench only",
            "JIKIMI_FOUR_EYES": "false",  # nobody confirms the case here
            "JIKIMI_QUARANTINE_POSTS": "0",  # every copy is one of the same references
            **{f"JIKIMI_{name.upper()}": value for name, value in changes.items()},
        }
        with mock.patch.dict(os.environ, environment):  # the media settings are read from there alone
            settings = load_settings()
            topic_admin.create(settings, replication=1, partitions=partitions)
            yield settings, environment


@contextmanager
def rig(folder: Path, media: Path, *, partitions: Mapping[str, int] | None = None, **changes: str) -> Iterator[Rig]:
    """Yield a rig whose media lie in a folder; raises as `system` does, with the same `changes`."""
    changes = {
        "media_file_roots": json.dumps([str(media)]),
        "reuse_hours": "0",  # many posts have the same few files here, and each is to cost what it costs
        **changes,
    }
    with system(folder, partitions=partitions, **changes) as (settings, environment):
        add_case(settings, NewCase(CLOVER.name, CLOVER.references, CLOVER.terms))
        with writing(settings) as writer:
            yield Rig(settings, environment, folder, Broker(settings.bootstrap_servers, settings.topic_prefix), writer)


def several(models: Sequence[Post], n: int, name: str) -> list[Post]:
    """Return so many posts like these, with ids and addresses of their own: an address is taken down once."""
    return [_like(models[at % len(models)], f"{name}-{at}") for at in range(n)]


def _like(model: Post, post_id: str) -> Post:
    return msgspec.structs.replace(model, post_id=post_id, url=f"https://made.example/{post_id}")
