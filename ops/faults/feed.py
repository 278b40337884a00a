"""The feed of a run: posts in a fixed mixture at a steady rate, each with the outcome that it must have."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Literal, get_args

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Delivery

from ops.faults.media import Media
from ops.threads import running_beside
from schemas.ids import record_id
from schemas.messages import Medium, Post
from streams.kafka.clients import client_config, create_codec
from streams.settings import Settings

Kind = Literal["copy", "other", "mention", "broken", "text"]
"""A post with the reference, with another clip, with a term of the case, with a link to nothing, with words alone."""

TERM = "@byeolhaneul_07"
_SHARES: Mapping[Kind, int] = {"copy": 2, "other": 1, "mention": 2, "broken": 1, "text": 14}
_CAPTIONS = (
    "오늘 산책 영상, 날씨가 정말 좋았다",
    "Good morning from the hills",
    "Lunch was great, pictures tomorrow",
    "밤하늘에 별이 정말 많다. 내일도 맑으면 좋겠다.",
)
_PATIENCE_S = 900
_POLL_S = 0.1


@dataclass
class Feed:
    """What was fed: the kind of every post that the broker has acknowledged."""

    settings: Settings
    base_url: str
    media: Media
    random: Random
    posts: dict[str, Kind] = field(default_factory=dict)
    """By post id."""
    refused: list[str] = field(default_factory=list)
    """Errors of posts that the broker did not take; they were not fed."""
    paused: threading.Event = field(default_factory=threading.Event)
    """While it is set, no posts are fed."""

    def __post_init__(self) -> None:
        self._codec = create_codec(self.settings)
        self._producer = Producer(
            client_config(
                self.settings,
                partitioner="murmur2_random",  # as in the workers' client
                enable_idempotence=True,
                max_in_flight=1,  # see streams/kafka/producer.py
                delivery_timeout_ms=_PATIENCE_S * 1000,
            )
        )

    def write(self, number: int) -> None:
        """Queue the post of this number."""
        (kind,) = self.random.choices(get_args(Kind), [_SHARES[kind] for kind in get_args(Kind)])
        post = self._post(number, kind)

        def delivered(error: KafkaError | None, _: Delivery) -> None:
            if error is None:
                self.posts[post.post_id] = kind
            else:
                self.refused.append(error.str())

        self._producer.produce(
            self.settings.topic_prefix + "posts",
            key=post.post_id.encode(),
            value=self._codec.encode("posts", post),
            on_delivery=delivered,
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Return once every post was taken or refused."""
        self._producer.flush(_PATIENCE_S)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Feed no posts while the block runs; every earlier one has been taken or refused."""
        self.paused.set()
        try:
            self.flush()
            yield
        finally:
            self.paused.clear()

    def kinds(self) -> Counter[Kind]:
        """Return the number of posts of each kind."""
        return Counter(self.posts.values())

    def _post(self, number: int, kind: Kind) -> Post:
        now = datetime.now(UTC)
        files = {"copy": self.media.copy, "other": self.media.other, "broken": self.media.gone}
        caption = self.random.choice(_CAPTIONS)
        return Post(
            post_id=record_id("fault-post", self.settings.topic_prefix, number),
            platform="faults",
            url=f"https://social.example/{number}",
            published_at=now,
            seen_at=now,
            caption=f"{caption} {TERM}" if kind == "mention" else caption,
            media=[Medium(url=f"{self.base_url}/{files[kind]}")] if kind in files else [],
        )


@contextmanager
def feeding(feed: Feed, posts_per_s: float) -> Iterator[None]:
    """Feed posts from a thread until the block ends; then every one of them has been taken or refused."""

    def run(over: threading.Event) -> None:
        for number in count():
            while feed.paused.is_set() and not over.is_set():
                over.wait(_POLL_S)
            feed.write(number)
            if over.wait(1 / posts_per_s):
                return

    try:
        with running_beside(run, "fault-feed"):
            yield
    finally:
        feed.flush()
