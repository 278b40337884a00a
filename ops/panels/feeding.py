"""Posts that come for as long as the proof runs: the demo's, round after round under new ids, by two feeds in turn."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx

from ops.panels.process import Process
from streams.demo.posts import DemoPost

_INTERVAL_S = 3.0
_PATIENCE_S = 30.0


@contextmanager
def feeding(pipe: Process, http_url: str, posts: Sequence[DemoPost]) -> Iterator[None]:
    """Write posts to the pipe's standard input and to the HTTP feed in turn; what a platform took down is told too."""
    over = threading.Event()

    def feed() -> None:
        with httpx.Client(base_url=http_url, timeout=_PATIENCE_S) as client:
            for number in count():
                turn, place = divmod(number, len(posts))
                entry = _entry(posts[place], turn)
                # An odd number of posts a round: each comes by both feeds.
                if number % 2:
                    client.post("/v1/posts", json=entry).raise_for_status()
                else:
                    pipe.write(json.dumps(entry).encode() + b"\n")
                if place == 0 and turn > 0:
                    gone = {
                        "kind": "post_deleted",
                        "platform": entry["platform"],
                        "url": f"{posts[0].post.url}-{turn - 1}",
                    }
                    client.post("/v1/removals", json=gone).raise_for_status()
                if over.wait(_INTERVAL_S):
                    return

    thread = threading.Thread(target=feed, name="feeding", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _entry(demo: DemoPost, turn: int) -> dict[str, Any]:
    post = demo.post
    return {
        "platform": post.platform,
        "url": f"{post.url}-{turn}",
        "author": post.author,
        "caption": post.caption,
        "media": [medium.url for medium in post.media],
    }
