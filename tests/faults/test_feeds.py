"""Feeds of platforms that cut, stall, repeat, jump back and send nonsense: no record is missing or duplicated."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.platforms import Jetstream, Mastodon, Platform
from tests.faults.rig import CODEC, Rig, print_figures
from tests.support.deadline import DEADLINE_S, until

_ROOT = Path(__file__).parents[2]
STALL_S = "1"


class Feed:
    """The process of a feed command, restarted after each kill."""

    def __init__(self, rig: Rig, *arguments: str) -> None:
        self._log = rig.folder / f"{arguments[0]}-{id(self)}.log"
        self._arguments = arguments
        self._environment = os.environ | {
            "JIKIMI_BOOTSTRAP_SERVERS": rig.bootstrap,
            "JIKIMI_TOPIC_PREFIX": rig.prefix,
        }
        self.start()

    def start(self, server: Platform | None = None) -> None:
        """Start it, and store the number of connections of its server until then."""
        self.n_connections = server.n_connections if server is not None else 0
        command = [sys.executable, "-m", "streams.cli", "feed", *self._arguments]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, cwd=_ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it without a chance to finish."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Stop it in order; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


@contextmanager
def running_feed(rig: Rig, *arguments: str) -> Iterator[Feed]:
    feed = Feed(rig, *arguments)
    try:
        yield feed
    finally:
        feed.kill()


def messages(rig: Rig, topic: str) -> list[Any]:
    """Return the committed records of a topic."""
    return [CODEC.decode(topic, found.value or b"") for found in rig.read(topic)]


def jetstream(server: Jetstream, name: str) -> list[str]:
    options = ["--wire", str(server.wire), "--url", server.url]
    return ["jetstream", *options, "--name", name, "--stall-s", STALL_S]


def mastodon(server: Mastodon, stall_s: str = STALL_S) -> list[str]:
    via = "websocket" if server.by_websocket else "sse"
    return ["mastodon", server.url, "--via", via, "--stall-s", stall_s]


def is_connected(pair: tuple[Feed, Platform]) -> bool:
    """Return whether a feed has connected since it was started."""
    feed, server = pair
    return server.n_connections > feed.n_connections


def cursors(rig: Rig) -> set[str]:
    return {message.feed for message in messages(rig, "feed-cursors")}


def urls(rig: Rig) -> set[str]:
    return {post.url for post in messages(rig, "posts")}


def card(record: Mapping[str, Any]) -> str:
    """Return what the card of a recorded post adds to its text."""
    linked = record.get("embed", {}).get("external", {})
    return "".join(
        f"\n\n{part}" for part in (linked.get("uri"), linked.get("title"), linked.get("description")) if part
    )


def expected_posts(server: Jetstream) -> Counter[tuple[str, str]]:
    """Return url and text of every published post and edit."""
    bodies = [event if server.wire == 1 else event["payload"] for event in server.published]
    commits = [(body["did"], body.get("commit", body)) for body in bodies]
    return Counter(
        (f"https://bsky.app/profile/{did}/post/{commit['rkey']}", commit["record"]["text"] + card(commit["record"]))
        for did, commit in commits
        if commit.get("operation") in {"create", "update"}
    )


def expected_removals(server: Jetstream) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for event in server.published:
        body = event if server.wire == 1 else event["payload"]
        commit = body.get("commit", body)
        if "account" in body:
            kind = "account_back" if body["account"]["active"] else "account_gone"
            found[kind, body["did"], body["account"].get("status", "")] += 1
        elif commit.get("operation") == "delete":
            found["post_deleted", f"https://bsky.app/profile/{body['did']}/post/{commit['rkey']}", ""] += 1
    return found


def records_of(rig: Rig, topic: str, server: Jetstream) -> list[Any]:
    """Return the written records of this server's accounts."""
    return [message for message in messages(rig, topic) if (message.author or "").startswith(server.accounts)]


def is_whole(rig: Rig, server: Jetstream) -> bool:
    posts, removals = records_of(rig, "posts", server), records_of(rig, "removals", server)
    return len(posts) >= expected_posts(server).total() and len(removals) >= expected_removals(server).total()


def check_bluesky(rig: Rig, server: Jetstream) -> None:
    posts, removals = records_of(rig, "posts", server), records_of(rig, "removals", server)
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


@pytest.mark.parametrize("n_kills", [20, pytest.param(50, marks=pytest.mark.long)])
def test_feeds_killed_again_and_again_write_every_record_once(rig: Rig, n_kills: int) -> None:
    chance = random.Random(7)
    with (
        Jetstream(1, 9000, seed=1, rate=40, misbehaves=True) as first,
        Jetstream(2, 9000, seed=2, rate=40, misbehaves=True) as second,
        Mastodon(5400, seed=3, rate=30, misbehaves=True) as third,
        running_feed(rig, *jetstream(first, "one")) as feed_1,
        running_feed(rig, *jetstream(second, "two")) as feed_2,
        running_feed(rig, *mastodon(third)) as feed_3,
    ):
        feeds = {feed_1: first, feed_2: second, feed_3: third}
        until(lambda: first.n_connections and second.n_connections and third.n_connections, "connected feeds")
        for server in feeds.values():
            server.run()
        until(lambda: len(cursors(rig)) == len(feeds), "a first position of each feed")
        for number in range(n_kills):
            feed = chance.choice(list(feeds))
            if number % 5:  # most while connected, some while starting
                until(lambda: any(map(is_connected, feeds.items())), "a connected feed")
                feed = chance.choice([feed for feed in feeds if is_connected((feed, feeds[feed]))])
            time.sleep(chance.uniform(0.0, 0.6))
            assert feed.process.poll() is None, feed.log
            feed.kill()
            feed.start(feeds[feed])
        for server in feeds.values():
            server.ends_early, server.misbehaves = True, False
        until(lambda: all(server.done for server in feeds.values()), "the end of the schedules")
        until(lambda: is_whole(rig, first) and is_whole(rig, second), "all of Bluesky")
        until(lambda: living(third) <= urls(rig), "all of Mastodon")
        assert [feed.end() for feed in feeds] == [0, 0, 0], [feed.log for feed in feeds]
        check_bluesky(rig, first)
        check_bluesky(rig, second)
        check_mastodon(rig, third)
        letters = messages(rig, "dead-letters")
        assert {letter.reason for letter in letters} <= {"feed_entry_malformed", "feed_embed_unknown"}
        assert len({letter.dead_letter_id for letter in letters}) == len(letters)
        connections = [server.n_connections for server in feeds.values()]
        print_figures(kills=n_kills, connections=connections, posts=len(messages(rig, "posts")), letters=len(letters))


@pytest.mark.parametrize("by_websocket", [False, True])
def test_a_feed_without_reconnections_misses_no_mastodon_event(rig: Rig, *, by_websocket: bool) -> None:
    with (
        Mastodon(300, seed=5, rate=100, by_websocket=by_websocket) as server,
        # Never silent for so long: it would connect again, and miss what no server repeats.
        running_feed(rig, *mastodon(server, str(DEADLINE_S))) as feed,
    ):
        until(lambda: server.n_connections, "a connected feed")
        server.run()
        until(lambda: server.done and len(messages(rig, "removals")) == len(server.deleted), "every removal")
        assert feed.end() == 0, feed.log
        check_mastodon(rig, server)
        posts = messages(rig, "posts")
        boosts = [status for status in server.published if status["reblog"] is not None]
        assert len(posts) == len(server.published) - len(boosts) + len(server.edited)
        assert {removal.url for removal in messages(rig, "removals")} <= {post.url for post in posts}
        assert messages(rig, "dead-letters") == []


def test_a_second_instance_takes_over_a_feed_and_the_first_ends_with_one_line(rig: Rig) -> None:
    # Slowly until the second writes: the first learns that it is fenced only when it has something to write.
    with Jetstream(2, 1500, seed=4, rate=5) as server, running_feed(rig, *jetstream(server, "one")) as first:
        until(lambda: server.n_connections, "a connected feed")
        server.run()
        until(lambda: messages(rig, "posts"), "the first post")
        with running_feed(rig, *jetstream(server, "one")) as second:
            assert first.process.wait(DEADLINE_S) == 2
            server.rate = 500
            line = first.log.splitlines()[-1]
            assert line.startswith("jikimi: ")
            assert "taken over" in line
            until(lambda: server.done and is_whole(rig, server), "all of it")
            assert second.end() == 0
        check_bluesky(rig, server)
