"""Live traffic: posts at a steady rate through real workers, and the latency of their verdicts."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from ops.broker.raw import Broker
from schemas.messages import Post
from streams.demo.processes import Worker
from streams.kafka.producer import writing
from streams.settings import Settings
from streams.topology import STAGES

_EACH_WITH_MEDIA = 12
"""One post in so many has a clip; the others have text only."""
_WARM_UP = 12
_LAST_S = 60.0


class Latency(NamedTuple):
    """Time a post was observed, seconds since the epoch, and seconds until its first verdict."""

    seen_s: float
    waited_s: float


@contextmanager
def live_traffic(
    settings: Settings, environment: Mapping[str, str], folder: Path, models: list[Post], per_s: float
) -> Iterator[Callable[[], list[Latency]]]:
    """Write posts like these at a steady rate; the yielded function stops that and returns each post's latency."""
    stop = threading.Event()
    with Worker(list(STAGES), folder, environment) as worker:
        worker.wait_until_ready()
        writer = threading.Thread(target=_write, args=(settings, models, per_s, stop))
        writer.start()
        broker = Broker(settings.bootstrap_servers, settings.topic_prefix)
        try:
            _wait(broker, _WARM_UP)

            def latencies() -> list[Latency]:
                stop.set()
                writer.join()
                return _wait(broker, sum(map(len, broker.read("posts").values())))

            yield latencies
        finally:
            stop.set()
            writer.join()


def _write(settings: Settings, models: list[Post], per_s: float, stop: threading.Event) -> None:
    with_media = [post for post in models if post.media]
    started_s, n = time.monotonic(), 0
    with writing(settings) as writer:
        while not stop.wait(max(0.0, started_s + n / per_s - time.monotonic())):
            now = datetime.now(UTC)
            model = with_media[n // _EACH_WITH_MEDIA % len(with_media)]
            media = [] if n % _EACH_WITH_MEDIA else model.media
            post_id = f"live-{n}"
            post = msgspec.structs.replace(model, post_id=post_id, media=media, published_at=now, seen_at=now)
            writer.write("posts", post_id, post)
            n += 1


def _wait(broker: Broker, n_posts: int) -> list[Latency]:
    """Return each post's latency, once this many posts have a verdict."""
    deadline = time.monotonic() + _LAST_S
    while True:
        first: dict[str, Latency] = {}
        for verdict in sorted(broker.messages("verdicts"), key=lambda verdict: verdict.decided_at):
            seen_s = verdict.post.seen_at.timestamp()
            waited_s = verdict.decided_at.timestamp() - seen_s
            first.setdefault(verdict.post.post_id, Latency(seen_s, waited_s))
        if len(first) >= n_posts:
            return list(first.values())
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(first)} of {n_posts} posts have a verdict")
        time.sleep(0.5)
