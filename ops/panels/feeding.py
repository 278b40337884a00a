"""Input of the test run: the demo's posts, repeated under new ids and alternating between two feeds.

One feed reads a platform's own topic, the other receives posts over HTTP. The HTTP feed also receives removals.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ops.threads import running_beside
from streams.demo.posts import DemoPost
from streams.kafka.clients import client_config
from streams.settings import Settings

_INTERVAL_S = 4.0
_PATIENCE_S = 30.0
_PLATFORM = "demo"


def prepare_platform(settings: Settings, folder: Path) -> Path:
    """Create the platform's topic; return the mapping file for its records."""
    topic = _topic(settings)
    admin = AdminClient(client_config(settings))
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(_PATIENCE_S)
    mapping = {
        "name": "panels",
        "platform": _PLATFORM,
        "source": {"topic": topic},
        "post": [{"url": "url", "author": "author", "caption": "caption", "media": "media"}],
    }
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(mapping), "utf-8")
    return path


@contextmanager
def feeding(settings: Settings, http_url: str, posts: Sequence[DemoPost]) -> Iterator[None]:
    """Send posts to the platform's topic and the HTTP feed alternately; each round removes a post of the last round."""

    def feed(over: threading.Event) -> None:
        producer = Producer(client_config(settings))
        with httpx.Client(base_url=http_url, timeout=_PATIENCE_S) as client:
            for number in count():
                turn, place = divmod(number, len(posts))
                entry = _entry(posts[place], turn)
                # The number of posts in a round is odd, so each post goes through both feeds.
                if number % 2:
                    client.post("/v1/posts", json=entry).raise_for_status()
                else:
                    producer.produce(_topic(settings), json.dumps(entry).encode())
                    producer.flush(_PATIENCE_S)
                if place == 0 and turn > 0:
                    gone = {"kind": "post_deleted", "platform": _PLATFORM, "url": _url(posts[0], turn - 1)}
                    client.post("/v1/removals", json=gone).raise_for_status()
                if over.wait(_INTERVAL_S):
                    return

    with running_beside(feed, "feeding"):
        yield


def _topic(settings: Settings) -> str:
    return f"{settings.topic_prefix}platform"


def _entry(demo: DemoPost, turn: int) -> dict[str, Any]:
    post = demo.post
    return {
        "platform": _PLATFORM,
        "url": _url(demo, turn),
        "author": post.author,
        "caption": post.caption,
        "media": [medium.url for medium in post.media],
    }


def _url(demo: DemoPost, turn: int) -> str:
    return f"{demo.post.url}-{turn}"
