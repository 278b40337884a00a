"""Feeds of platforms that cut, stall, repeat, jump back and talk nonsense: nothing is missing, nothing there twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.platforms import Jetstream, Mastodon, Platform
from tests.faults.rig import CODEC, Rig, tell, wait_for

_ROOT = Path(__file__).parents[2]
N_KILLS = 50
STALL_S = "1"


class Feed:
    """The command of a feed, started again whenever it was killed."""

    def __init__(self, rig: Rig, *words: str) -> None:
        self._log = rig.folder / f"{words[0]}-{id(self)}.log"
        self._words = words
        self._environment = os.environ | {
            "JIKIMI_BOOTSTRAP_SERVERS": rig.bootstrap,
            "JIKIMI_TOPIC_PREFIX": rig.prefix,
        }
        self.start()

    def start(self, server: Platform | None = None) -> None:
        """Start it, and remember how often its server had been connected to until then."""
        self.n_connections = server.n_connections if server is not None else 0
        command = [sys.executable, "-m", "streams.cli", "feed", *self._words]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, cwd=_ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


@contextmanager
def feeding(rig: Rig, *words: str) -> Iterator[Feed]:
    feed = Feed(rig, *words)
    try:
        yield feed
    finally:
        feed.kill()


def messages(rig: Rig, topic: str) -> list[Any]:
    """Return what readers of committed records see."""
    return [CODEC.decode(topic, found.value or b"") for found in rig.read(topic)]


def jetstream(server: Jetstream, name: str) -> list[str]:
    options = ["--wire", str(server.wire), "--url", server.url]
    return ["jetstream", *options, "--name", name, "--stall-s", STALL_S]


def mastodon(server: Mastodon) -> list[str]:
    via = "websocket" if server.by_websocket else "sse"
    return ["mastodon", server.url, "--via", via, "--stall-s", STALL_S]


def listens(pair: tuple[Feed, Platform]) -> bool:
    """Return whether a feed has connected since it was started."""
    feed, server = pair
    return server.n_connections > feed.n_connections


def cursors(rig: Rig) -> set[str]:
    return {message.feed for message in messages(rig, "feed-cursors")}


def urls(rig: Rig) -> set[str]:
    return {post.url for post in messages(rig, "posts")}


def expected_posts(server: Jetstream) -> Counter[tuple[str, str]]:
    """Return url and text of every post and edit that happened."""
    bodies = [event if server.wire == 1 else event["payload"] for event in server.told]
    commits = [(body["did"], body.get("commit", body)) for body in bodies]
    return Counter(
        (f"https://bsky.app/profile/{did}/post/{commit['rkey']}", commit["record"]["text"])
        for did, commit in commits
        if commit.get("operation") in {"create", "update"}
    )


def expected_removals(server: Jetstream) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for event in server.told:
        body = event if server.wire == 1 else event["payload"]
        commit = body.get("commit", body)
        if "account" in body:
            kind = "account_back" if body["account"]["active"] else "account_gone"
            found[kind, body["did"], body["account"].get("status", "")] += 1
        elif commit.get("operation") == "delete":
            found["post_deleted", f"https://bsky.app/profile/{body['did']}/post/{commit['rkey']}", ""] += 1
    return found


def told(rig: Rig, topic: str, server: Jetstream) -> list[Any]:
    """Return what was written of this server's events: the accounts say whose they are."""
    return [message for message in messages(rig, topic) if (message.author or "").startswith(server.accounts)]


def is_whole(rig: Rig, server: Jetstream) -> bool:
    posts, removals = told(rig, "posts", server), told(rig, "removals", server)
    return len(posts) >= expected_posts(server).total() and len(removals) >= expected_removals(server).total()


def check_bluesky(rig: Rig, server: Jetstream) -> None:
    posts, removals = told(rig, "posts", server), told(rig, "removals", server)
    assert len({post.post_id for post in posts}) == len(posts)
    assert Counter((post.url, post.caption) for post in posts) == expected_posts(server)
    assert len({removal.removal_id for removal in removals}) == len(removals)
    assert Counter((r.kind, r.url or r.author, r.status) for r in removals) == expected_removals(server)


def living(server: Mastodon) -> set[str]:
    """Return the urls of the posts that were not deleted."""
    return {status["url"] for status in server.statuses.values() if status["reblog"] is None}


def check_mastodon(rig: Rig, server: Mastodon) -> None:
    posts = [post for post in messages(rig, "posts") if post.platform == "mastodon"]
    removals = [removal for removal in messages(rig, "removals") if removal.platform == "mastodon"]
    assert len({post.post_id for post in posts}) == len(posts)
    assert living(server) <= {post.url for post in posts}
    assert len({removal.url for removal in removals}) == len(removals)
    assert not {removal.url for removal in removals} & living(server)


def test_feeds_killed_fifty_times_tell_everything_once(rig: Rig) -> None:
    chance = random.Random(7)
    with (
        Jetstream(1, 9000, seed=1, rate=40, misbehaves=True) as first,
        Jetstream(2, 9000, seed=2, rate=40, misbehaves=True) as second,
        Mastodon(5400, seed=3, rate=30, misbehaves=True) as third,
        feeding(rig, *jetstream(first, "one")) as feed_1,
        feeding(rig, *jetstream(second, "two")) as feed_2,
        feeding(rig, *mastodon(third)) as feed_3,
    ):
        feeds = {feed_1: first, feed_2: second, feed_3: third}
        wait_for(lambda: first.n_connections and second.n_connections and third.n_connections, "feeds that listen")
        for server in feeds.values():
            server.play()
        wait_for(lambda: len(cursors(rig)) == len(feeds), "a first position of each feed")
        for number in range(N_KILLS):
            feed = chance.choice(list(feeds))
            if number % 5:  # most while it listens, some as it starts
                wait_for(lambda: any(map(listens, feeds.items())), "a feed that listens")
                feed = chance.choice([feed for feed in feeds if listens((feed, feeds[feed]))])
            time.sleep(chance.uniform(0.0, 0.6))
            assert feed.process.poll() is None, feed.log
            feed.kill()
            feed.start(feeds[feed])
        for server in feeds.values():
            server.enough, server.misbehaves = True, False
        wait_for(lambda: all(server.done for server in feeds.values()), "the end of the tapes")
        wait_for(lambda: is_whole(rig, first) and is_whole(rig, second), "all of Bluesky", 60)
        wait_for(lambda: living(third) <= urls(rig), "all of Mastodon", 60)
        assert [feed.end() for feed in feeds] == [0, 0, 0], [feed.log for feed in feeds]
        check_bluesky(rig, first)
        check_bluesky(rig, second)
        check_mastodon(rig, third)
        letters = messages(rig, "dead-letters")
        assert {letter.reason for letter in letters} <= {"feed_entry_malformed"}
        assert len({letter.dead_letter_id for letter in letters}) == len(letters)
        connections = [server.n_connections for server in feeds.values()]
        tell(kills=N_KILLS, connections=connections, posts=len(messages(rig, "posts")), letters=len(letters))


@pytest.mark.parametrize("by_websocket", [False, True])
def test_a_mastodon_server_that_is_always_listened_to_is_told_whole(rig: Rig, *, by_websocket: bool) -> None:
    with Mastodon(300, seed=5, rate=100, by_websocket=by_websocket) as server, feeding(rig, *mastodon(server)) as feed:
        wait_for(lambda: server.n_connections, "a feed that listens")
        server.play()
        wait_for(lambda: server.done and len(messages(rig, "removals")) == len(server.deleted), "every removal")
        assert feed.end() == 0, feed.log
        check_mastodon(rig, server)
        posts = messages(rig, "posts")
        boosts = [status for status in server.published if status["reblog"] is not None]
        assert len(posts) == len(server.published) - len(boosts) + len(server.edited)
        assert {removal.url for removal in messages(rig, "removals")} <= {post.url for post in posts}
        assert messages(rig, "dead-letters") == []


def test_a_second_instance_takes_a_feed_over_and_the_first_says_so(rig: Rig) -> None:
    with Jetstream(2, 500, seed=4, rate=100) as server, feeding(rig, *jetstream(server, "one")) as first:
        wait_for(lambda: server.n_connections, "a feed that listens")
        server.play()
        wait_for(lambda: messages(rig, "posts"), "the first post")
        with feeding(rig, *jetstream(server, "one")) as second:
            assert first.process.wait(30) == 2
            line = first.log.splitlines()[-1]
            assert line.startswith("jikimi: ")
            assert "taken over" in line
            wait_for(lambda: server.done and is_whole(rig, server), "all of it", 60)
            assert second.end() == 0
        check_bluesky(rig, server)
