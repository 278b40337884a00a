"""The doctor on what asks platforms, answers them, and exchanges hash lists: settings, without asking anybody."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.doctor.others import exchange, reading, search
from streams.settings import load_settings

KEY = {"term_key": "sixteen letters or more"}
BLUESKY = {"bluesky": "https://api.bsky.app"}
MASTODON = {"mastodon": "https://mastodon.example"}


@pytest.mark.parametrize(
    ("given", "health", "words"),
    [
        ({}, "ok", "off"),
        ({"search": BLUESKY}, "wrong", "term key"),
        ({"search": BLUESKY, **KEY}, "ok", "Bluesky can be asked, 10 queries a minute and 5000 a day each"),
        ({"search": BLUESKY | {"bluesky_account": "a.example"}, **KEY}, "wrong", "only one of account and password"),
        ({"search": BLUESKY | {"bluesky_password": "p"}, **KEY}, "wrong", "only one of account and password"),
        ({"search": MASTODON, **KEY}, "warn", "https://mastodon.example may refuse"),
        ({"search": MASTODON | BLUESKY, "mastodon_token": "t", **KEY}, "ok", "Bluesky and Mastodon can be asked"),
    ],
)
def test_what_the_search_needs_is_named(given: dict[str, Any], health: str, words: str) -> None:
    found = search(load_settings(**given))
    assert (found.health, words in found.message) == (health, True), found
    assert bool(found.remedy) == (health != "ok")


@pytest.mark.parametrize(
    ("given", "health", "words"),
    [
        ({}, "ok", "no post is compared"),
        ({"lists": True}, "wrong", "MD5 of lists are not compared"),
        ({"lists": True, **KEY}, "ok", "this machine alone, without a token; posts are compared"),
        ({"http": {"token": "sixteen letters or more"}}, "ok", "with JIKIMI_HTTP_TOKEN"),
    ],
)
def test_what_the_exchange_needs_is_named(given: dict[str, Any], health: str, words: str) -> None:
    found = exchange(load_settings(**given))
    assert (found.health, words in found.message) == (health, True), found


def test_a_platform_that_reads_its_takedowns_needs_its_token(tmp_path: Path) -> None:
    file = tmp_path / "platforms.yaml"
    other = {"title": "Others"}
    file.write_text(
        yaml.safe_dump({"site": {"title": "A site", "posts": ["site"], "reader_secret": "site"}, "other": other})
    )
    missing = reading(load_settings(delivery={"platforms": file}))
    assert (missing.health, "site" in missing.message) == ("wrong", True)
    given = reading(load_settings(delivery={"platforms": file, "secrets": {"site": "a token of the site"}}))
    assert (given.health, given.message) == ("ok", "1 platforms can read their takedowns")
    file.write_text(yaml.safe_dump({"other": other}))
    assert "off" in reading(load_settings(delivery={"platforms": file})).message
