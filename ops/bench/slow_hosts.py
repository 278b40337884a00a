"""Print what posts with slow links do to the others: ``python -m ops.bench.slow_hosts [--json FILE]``.

One post in ten has sixteen links to hosts that send a byte a second, or nothing; the others have one picture each. All
arrive at once. The decode stage is the real one: window, guard, fetches from sockets on this machine, decoding in child
processes. All time limits are divided by SCALE, so that a trial takes minutes; on a busy machine a
smaller SCALE keeps good hosts within them.
"""

import argparse
import asyncio
import io
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from PIL import Image

from schemas.codec import Codec
from schemas.messages import DeadLetter, Medium, Post
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Output, Record
from streams.engine.window import Window
from streams.settings import load_settings

SCALE = 4.0
POSTS, EVERY, LINKS, PARTITIONS = 400, 10, 16, 8
_CODEC = Codec()

type Links = Callable[[int, int], str]
"""Address of a link of an attack, from the numbers of post and link; its last letter is what the host does."""

ATTACKS: dict[str, Links | None] = {
    "none": None,
    "one host creeps": lambda _, __: "127.1.0.1/c",
    "one host is silent": lambda _, __: "127.1.0.1/s",
    "a host a post": lambda post, _: f"127.2.{post // 250}.{post % 250}/c",
    "a host a link": lambda post, link: f"127.{3 + link}.{post // 250}.{post % 250}/s",
}


def main() -> None:
    """Run one trial per attack and print a table, one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the same numbers")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows: dict[str, dict[str, Any]] = {}
    for name, links in ATTACKS.items():
        row = rows[name] = asyncio.run(measure(links))
        if len(rows) == 1:
            sys.stdout.write(f"{'attack':20}{''.join(f'{column:>22}' for column in row)}\n")
        sys.stdout.write(f"{name:20}{''.join(f'{value:22}' for value in row.values())}\n")
        sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


@dataclass
class Outcomes:
    """What became of the posts, and when, seconds from the start."""

    started_s: float = field(default_factory=time.monotonic)
    words_s: dict[str, float] = field(default_factory=dict)
    pictures_s: dict[str, float] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:  # noqa: ARG002 - of a broker
        """Take an output as the broker would."""
        post_id = key.decode().split("/")[0]
        if topic == "dead-letters":
            letter = _CODEC.decode(topic, value or b"")
            assert isinstance(letter, DeadLetter)
            self.letters[post_id] = letter.reason
        else:
            times = self.words_s if topic == "texts" else self.pictures_s
            times.setdefault(post_id, time.monotonic() - self.started_s)


@dataclass
class Item:
    """A post in the window."""

    post: Post
    offset: int

    @property
    def partition(self) -> object:
        """Its partition."""
        return self.offset % PARTITIONS

    def ack(self) -> None:
        """Nothing is committed."""


async def measure(links: Links | None) -> dict[str, Any]:
    """Return the figures of one trial."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = await asyncio.start_server(partial(_answer, _picture()), "0.0.0.0", 0, backlog=4096)  # noqa: S104 - 127/8
        await stack.enter_async_context(server)
        port = server.sockets[0].getsockname()[1]
        settings = _scaled(Path(folder))
        fetcher = await stack.enter_async_context(Fetcher(settings))
        decoder = await stack.enter_async_context(Decoder(settings))
        outcomes = Outcomes()
        posts = [_post(number, links, port) for number in range(POSTS)]
        await _run(posts, MediaAccess(fetcher, decoder, settings.max_media), outcomes)
        return _figures(posts, outcomes)


def _scaled(folder: Path) -> MediaSettings:
    """Return the default settings with each limit on time divided by SCALE."""
    default = MediaSettings()
    names = [name for name in ("fetch_timeout_s", "connect_timeout_s", "slow_fetch_s") if hasattr(default, name)]
    times: dict[str, Any] = {name: getattr(default, name) / SCALE for name in names}
    return MediaSettings(**times, temporary_folder=folder, allowed_hosts=("127.0.0.0/8",))


async def _run(posts: list[Post], media: MediaAccess, outcomes: Outcomes) -> None:
    defaults = load_settings()

    async def handler(post: Post, record: Record) -> AsyncIterator[Output]:
        async with aclosing(decode_post(post, record, media)) as outputs:
            async for output in outputs:
                yield output

    limit, timeout_s = DeadLetterLimit(defaults.max_dead_letters_in_a_row), defaults.stage_timeout_s / SCALE
    guard: Guard[Any] = Guard("decode", _CODEC, handler, outcomes.deliver, limit, timeout_s)

    async def work(item: Item) -> None:
        key, value = item.post.post_id.encode(), _CODEC.encode("posts", item.post)
        await guard(Record("posts", item.offset % PARTITIONS, item.offset, key, value, timestamp_s=time.time()))

    async def items() -> AsyncIterator[Item]:
        for offset, post in enumerate(posts):
            yield Item(post, offset)

    await Window(work, defaults.window).run(items())


def _figures(posts: list[Post], outcomes: Outcomes) -> dict[str, Any]:
    honest = [post.post_id for post in posts if len(post.media) == 1]
    waits_s = sorted(outcomes.pictures_s[name] for name in honest if name in outcomes.pictures_s)
    reasons = Counter(outcomes.letters[name] for name in honest if name in outcomes.letters)
    return {
        "honest": len(honest),
        "honest dead letters": reasons.total(),
        "their reasons": " ".join(f"{reason}:{number}" for reason, number in reasons.most_common()) or "-",
        "median s": round(statistics.median(waits_s), 1),
        "last s": round(waits_s[-1], 1),
        "all ended s": round(time.monotonic() - outcomes.started_s, 1),
    }


def _post(number: int, links: Links | None, port: int) -> Post:
    hosts = ["127.0.0.1/good"] if links is None or number % EVERY else [links(number, n) for n in range(LINKS)]
    media = [Medium(url="http://" + host.replace("/", f":{port}/{number}/{n}/")) for n, host in enumerate(hosts)]
    now = datetime.now(UTC)
    return Post(post_id=str(number), platform="bench", url="", published_at=now, seen_at=now, media=media)


def _picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((320, 240), 40).convert("RGB").save(file, "JPEG")
    return file.getvalue()


async def _answer(picture: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with a picture, a byte a second, or nothing until the other side closes."""
    try:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        if path.endswith(b"good"):
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture)
            await writer.drain()
        elif path.endswith(b"c"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(1 / SCALE)
        else:
            await reader.read()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        pass  # the other side has closed, or the trial has ended
    finally:
        writer.close()


if __name__ == "__main__":
    main()
