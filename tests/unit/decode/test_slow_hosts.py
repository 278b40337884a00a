"""One post in ten has sixteen links to hosts that creep or keep silent: the trial of ops/bench/slow_hosts.py.

Window, guard, stage and turns are the real ones; hosts and decoder are simulated, in virtual time.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.codec import Codec
from schemas.messages import DeadLetter, Medium, Post
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media.decoded import DecodedSegment, MediaInfo, Span
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Output, Record
from streams.engine.window import Window
from streams.errors import TransientError
from tests.support.virtual_time import run

N_POSTS, EVERY, N_LINKS, N_PARTITIONS = 200, 10, 16, 8
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CODEC = Codec()


class Hosts:
    """Good hosts answer in 0.2 s; the others send a byte a second, or nothing."""

    async def read(self, url: str, declare: Callable[[int], None], **_: object) -> AsyncGenerator[bytes]:
        if "good" in url:
            declare(100_000)
            await asyncio.sleep(0.2)
            yield bytes(100_000)
        elif "silent" in url:
            await asyncio.sleep(10.0)
            raise TransientError("link_timeout", "sent no data for too long")
        else:
            while True:
                await asyncio.sleep(1.0)
                yield b"x"

    async def close(self) -> None:
        """There are no connections."""


class Pictures:
    """A decoder on two cores whose every medium is a picture, decoded in 0.1 s."""

    sound_rate_hz = 8000

    def __init__(self) -> None:
        self._cores = asyncio.Semaphore(2)

    async def scan(self, _: Path) -> MediaInfo:
        return MediaInfo(kind="image", duration_s=0.0)

    def spans(self, _: MediaInfo) -> list[Span]:
        return [Span(0.0, 0.0, has_picture=True, has_sound=False)]

    async def segments(self, _: Path, __: MediaInfo) -> AsyncGenerator[DecodedSegment]:
        async with self._cores:
            await asyncio.sleep(0.1)
        yield DecodedSegment(start_s=0.0, duration_s=0.0)


@dataclass
class Item:
    """One post as an item of the window."""

    post: Post
    offset: int
    acked: list[int]

    @property
    def partition(self) -> object:
        """One of eight."""
        return self.offset % N_PARTITIONS

    def ack(self) -> None:
        """Keep the number."""
        self.acked.append(self.offset)


@dataclass
class Trial:
    """Outcome of a trial: times on the loop's clock, by post id."""

    words_s: dict[str, float] = field(default_factory=dict)
    pictures_s: dict[str, float] = field(default_factory=dict)
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    acked: list[int] = field(default_factory=list)

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:  # noqa: ARG002 - of a broker
        """Keep the time of an output."""
        post_id, now_s = key.decode().split("/")[0], asyncio.get_running_loop().time()
        if topic == "dead-letters":
            self.letters[post_id] = cast("DeadLetter", CODEC.decode(topic, value or b""))
        else:
            (self.words_s if topic == "texts" else self.pictures_s).setdefault(post_id, now_s)


def posts(links: Callable[[int, int], str] | None) -> list[Post]:
    """Return the posts; every tenth is an attack with the links that the function gives for (post, link)."""
    made = []
    for number in range(N_POSTS):
        is_attack = links is not None and number % EVERY == 0
        urls = [links(number, n) for n in range(N_LINKS)] if links and is_attack else [f"http://good-{number % 5}/a"]
        media = [Medium(url=url) for url in urls]
        post_id = f"{'attack' if is_attack else 'honest'}-{number}"
        made.append(Post(post_id=post_id, platform="demo", url="", published_at=NOW, seen_at=NOW, media=media))
    return made


async def tried(given: list[Post], folder: Path) -> Trial:
    """Run the stage on posts that all arrive at once."""
    trial = Trial()
    settings = MediaSettings(temporary_folder=folder)
    fetcher = Fetcher(settings)
    fetcher._sources._http = cast("Any", Hosts())
    media = MediaAccess(fetcher, cast("Any", Pictures()), settings.max_media)

    async def handler(post: Post, record: Record) -> AsyncIterator[Output]:
        async for output in decode_post(post, record, media):
            yield output

    guard: Guard[Any] = Guard("decode", CODEC, handler, trial.deliver, DeadLetterLimit(200), timeout_s=300.0)

    async def work(item: Item) -> None:
        key = item.post.post_id.encode()
        await guard(Record("posts", item.offset % N_PARTITIONS, item.offset, key, CODEC.encode("posts", item.post)))

    async def items() -> AsyncIterator[Item]:
        for offset, post in enumerate(given):
            yield Item(post, offset, trial.acked)

    await Window(work, limit=16).run(items())
    return trial


ATTACKS: dict[str, Callable[[int, int], str]] = {
    "one host that creeps": lambda _, n: f"http://creeping/{n}",
    "a silent host a link": lambda post, n: f"http://silent-{post}-{n}/a",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_posts_with_slow_links_bury_and_stall_no_other_post(tmp_path: Path, attack: str) -> None:
    trial = run(tried(posts(ATTACKS[attack]), tmp_path))
    honest = {f"honest-{number}" for number in range(N_POSTS) if number % EVERY}
    assert trial.pictures_s.keys() == honest
    assert sorted(trial.acked) == list(range(N_POSTS))
    assert len(trial.letters) == N_POSTS // EVERY
    assert all(name.startswith("attack") for name in trial.letters)
    # Two cores need 9 s for 180 pictures; the rest is what slow fetches are given before the others have their turns.
    assert max(trial.pictures_s.values()) < 60.0
    assert max(trial.words_s.values()) < 60.0


def test_the_dead_letter_of_slow_links_names_each_medium(tmp_path: Path) -> None:
    (attack,) = posts(ATTACKS["one host that creeps"])[:1]
    trial = run(tried([attack], tmp_path))
    (letter,) = trial.letters.values()
    assert letter.reason.startswith("link_")
    assert all(f"medium {number}: link_" in letter.detail for number in range(N_LINKS))
    assert trial.words_s.keys() == {attack.post_id}
