"""Synthetic recording of a day: descriptors of real clips, assigned to posts by a seed."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.ids import record_id
from schemas.messages import Descriptors, PostRef
from streams.demo.posts import DemoPost, build_posts
from streams.demo.scenario import SCENES
from streams.describe.descriptors import descriptor_key
from streams.engine.record import Record
from streams.kafka.clients import client_config
from streams.live_models.selection import create_registry, default_choice
from streams.match.reference_index import ReferenceIndex
from streams.replay.chain import Chain
from streams.replay.stages import Stages
from streams.settings import Settings

_DAY_S = 86_400
_SHARE_OF_COPIES = 0.1
_MOST_LAG_S = 8.0
"""Most seconds from observing a post to writing a descriptor of it."""
_IN_FLIGHT = 500
_CODEC = Codec()


class Pool(NamedTuple):
    """Descriptors of media, by whether they copy a case."""

    copies: list[list[Descriptors]]
    others: list[list[Descriptors]]


def make_pool(settings: Settings, folder: Path, n_scenes: int) -> tuple[Pool, list[DemoPost]]:
    """Describe the demonstration's copies and other clips with the default models; return them and their posts."""
    scenes = [scene for scene in SCENES if scene.kind != "broken" and scene.link is None][:n_scenes]
    posts = build_posts(f"file://{folder}", folder, scenes=scenes)
    described = asyncio.run(_describe(settings, posts))
    copies = [found for demo, found in zip(posts, described, strict=True) if demo.case is not None]
    others = [found for demo, found in zip(posts, described, strict=True) if demo.case is None]
    return Pool(copies, others), posts


async def _describe(settings: Settings, posts: list[DemoPost]) -> list[list[Descriptors]]:
    async def nothing() -> ReferenceIndex:
        return ReferenceIndex()

    registry = create_registry(settings)
    stages = Stages(nothing)
    try:
        await stages.open("posts", settings, registry, default_choice(registry, settings))
        chain = Chain("posts", stages, _CODEC, lambda _: True)
        found = []
        for demo in posts:
            done = await chain(Record("posts", 0, 0, None, _CODEC.encode("posts", demo.post)))
            assert not done.failures, done.failures
            found.append([out.message for out in done.outputs if isinstance(out.message, Descriptors)])
        return found
    finally:
        await stages.close()


def record_day(settings: Settings, pool: Pool, n_posts: int, day: datetime, seed: int = 1) -> int:
    """Write the day's descriptors with their times; return their number."""
    producer = Producer(
        client_config(
            settings,
            partitioner="murmur2_random",
            enable_idempotence=True,  # a retry must not change the order of the records
            max_in_flight=1,  # see streams/kafka/producer.py
            compression_type="zstd",
            linger_ms=50,
            batch_size=900_000,
        )
    )
    topic, n = f"{settings.topic_prefix}descriptors", 0
    for at, described in _records(pool, n_posts, day, np.random.default_rng(seed)):
        while len(producer) > _IN_FLIGHT:
            producer.poll(0.05)
        key = descriptor_key(described.segment, described.modality).encode()
        value = _CODEC.encode("descriptors", described)
        producer.produce(topic, key=key, value=value, timestamp=round(at.timestamp() * 1000))
        n += 1
    assert producer.flush(60) == 0
    return n


def _records(
    pool: Pool, n_posts: int, day: datetime, random: np.random.Generator
) -> Iterator[tuple[datetime, Descriptors]]:
    for number in range(n_posts):
        seen_at = day + timedelta(seconds=_DAY_S * number / n_posts)
        kind = pool.copies if random.random() < _SHARE_OF_COPIES else pool.others
        for described in kind[random.integers(len(kind))]:
            lag = timedelta(seconds=float(random.uniform(0, _MOST_LAG_S)))
            yield seen_at + lag, of_post(described, f"post-{number}", seen_at)


def of_post(described: Descriptors, post_id: str, seen_at: datetime) -> Descriptors:
    """Return the same descriptors for another post."""
    url = f"https://made.example/{post_id}"
    post = PostRef(post_id=post_id, platform="made", url=url, published_at=seen_at, seen_at=seen_at)
    segment = msgspec.structs.replace(described.segment, post=post)
    parts = (post_id, segment.segment, described.modality, described.model, described.version)
    return msgspec.structs.replace(described, segment=segment, descriptor_id=record_id("descriptors", *parts))
