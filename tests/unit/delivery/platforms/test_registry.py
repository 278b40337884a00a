"""Registry of platforms: how a post finds its entry, and wrong files refused in one line."""

from pathlib import Path

import pytest

from streams.delivery.platforms.registry import load_registry
from streams.errors import UsageError
from tests.unit.delivery.notices.made_notices import post

OTHER = "other: {title: other sites}\n"


def refusal(tmp_path: Path, text: str) -> str:
    file = tmp_path / "platforms.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError) as refused:
        load_registry(file)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{file}: ")
    return message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "the file"),
        ("- a list", "the file"),
        ("a: {title: A}", "`other`"),
        (OTHER + "a: {title: A, hots: [a.example]}", "a.hots"),
        (OTHER + "a: {laws: [US_TIDA]}", "a.title"),
        (OTHER + "a: {title: A, laws: [US_DMCA]}", "a.laws.0"),
        (OTHER + "a: {title: A, hosts: [a.example]}\nb: {title: B, hosts: [a.example]}", "host a.example is in a and"),
        (OTHER + "a: {title: A, posts: [p]}\nb: {title: B, posts: [p]}", "slug p is in a and in b"),
        (OTHER + "a: {title: A}\na: {title: B}", "a is there twice"),
        (OTHER + "a: {title: A, title: B}", "title is there twice"),
        (OTHER + "a: {title: A, language: th}", "a.language: th has no texts: de, en, es, fr, ja, ko, vi"),
        (OTHER + "a: {title: A, hosts: ['https://a.example']}", "a.hosts.0"),
        (OTHER + "a: {title: A, hosts: [A.example]}", "a.hosts.0"),
        (OTHER + "a: {title: A, max_characters: 120}", "a.max_characters"),
        (OTHER + "a: {title: A, channels: [{kind: fax, to: '1'}]}", "a.channels.0"),
        (OTHER + "a: {title: A, channels: [{kind: mail, to: nobody}]}", "a.channels.0.mail.to"),
        (OTHER + "a: {title: A, channels: [{kind: manual, url: 'javascript:x'}]}", "a.channels.0.manual.url"),
        (OTHER + "a: {title: A, look: guess}", "a.look"),
        (OTHER + "a: {title: 'A", "quoted"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_the_field(tmp_path: Path, text: str, named: str) -> None:
    assert named in refusal(tmp_path, text)


def test_a_file_that_is_not_there_or_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_registry(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"bytes\.yaml"):
        load_registry(tmp_path / "bytes.yaml")


@pytest.mark.parametrize(
    ("platform", "url", "name"),
    [
        ("bluesky", "https://bsky.app/profile/a/post/1", "bluesky"),
        ("mastodon", "https://any.example/@a/1", "mastodon"),
        ("board", "https://www.youtube.com/watch?v=1", "youtube"),
        ("board", "https://m.blog.naver.com/a/1", "naver"),
        ("board", "https://T.ME/channel/1", "telegram"),
        ("board", "https://notx.com/1", "other"),
        ("board", "https://x.com.evil.example/1", "other"),
        ("board", "", "other"),
        ("board", "no url", "other"),
    ],
)
def test_a_post_finds_its_platform_by_slug_or_host(platform: str, url: str, name: str) -> None:
    assert load_registry().find(post(platform=platform, url=url))[0] == name


def test_the_shipped_file_sends_nothing_by_itself() -> None:
    kinds = {channel.kind for entry in load_registry().platforms.values() for channel in entry.channels}
    assert kinds == {"manual"}


@pytest.mark.parametrize("url", ["http://[", "https://exa\u2100mple.com/1", "no address", ""])
def test_a_post_with_a_malformed_address_is_of_other_sites(url: str) -> None:
    name, _ = load_registry().find(post(platform="unknown", url=url))
    assert name == "other"
