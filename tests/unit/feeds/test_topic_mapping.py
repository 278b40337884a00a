"""Mapping files: values they find in records, and errors in them."""

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.messages import Medium, Post, Removal
from streams.errors import UsageError
from streams.feeds.entry_error import EntryError
from streams.feeds.kafka_topic.mapping import TopicMapping, load_mapping
from streams.feeds.kafka_topic.sample import mapped_lines
from streams.feeds.kafka_topic.source import source_settings
from streams.feeds.kafka_topic.values import Media, Value, find, media, text, time
from streams.feeds.notes import Notes
from streams.settings import load_settings

EXAMPLES = Path(__file__).parents[3] / "ops" / "docs"
DOCUMENT = {"a": {"b": [{"c": "found"}, 7], "x.y": 1, "no": None}, "flag": True}
KINDS = [("flag", "bool"), ("a", "dict"), ("a.b", "list")]
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "paths"),
    [("found", ["a.b.0.c"]), (7, ["a.b.1"]), (1, ["/a/x.y"]), (None, ["a.b.2", "a.b.c", "a.no.b", "z"])],
)
def test_paths(found: Any, paths: list[str]) -> None:
    assert [find(DOCUMENT, path) for path in paths] == [found] * len(paths)


def test_texts_are_text_or_whole_numbers_and_nothing_else() -> None:
    notes = Notes()
    assert text(DOCUMENT, "a.b.1", notes) == "7"
    assert text(DOCUMENT, Value(template="https://a/{a.b.0.c}/{a.b.1}"), notes) == "https://a/found/7"
    assert text(DOCUMENT, Value(template="https://a/{a.no}"), notes) is None
    assert text(DOCUMENT, Value(value="always"), notes) == "always"
    assert not notes.lines
    for path in ("flag", "a", "a.b"):
        assert text(DOCUMENT, path, notes) is None
    assert notes.lines == [f"{path}: expected a text, got {kind}" for path, kind in KINDS]


@pytest.mark.parametrize(
    ("value", "time_format"),
    [
        ("2026-11-22T10:00:00Z", "iso"),
        ("2026-11-22T19:00:00+09:00", "iso"),
        (TEN.timestamp(), "s"),
        (int(TEN.timestamp() * 1e3), "ms"),
        (str(int(TEN.timestamp() * 1e6)), "us"),
        (TEN, "ms"),
    ],
)
def test_times(value: Any, time_format: Any) -> None:
    notes = Notes()
    assert time({"at": value}, Value(path="at", format=time_format), notes) == TEN
    assert not notes.lines


@pytest.mark.parametrize(
    ("value", "time_format"),
    [
        *(("x", "iso"), ("x", "s"), (1e300, "s"), ([], "ms"), (float("nan"), "s"), (True, "s"), (10**400, "us")),
        *((-1, "s"), ("inf", "ms"), (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))), "iso")),
    ],
)
def test_a_malformed_time_is_none_and_noted(value: Any, time_format: Any) -> None:
    notes = Notes()
    assert time({"at": value}, Value(path="at", format=time_format), notes) is None
    assert "as seen" in str(notes)


def test_media_by_link_by_list_and_with_attributes() -> None:
    document = {"one": "https://a", "more": ["https://b", "https://c"], "rich": [{"u": "https://d", "alt": "d"}]}
    notes = Notes()
    urls = [medium.url for spec in ("one", "more", "none") for medium in media(document, spec, notes)]
    assert urls == ["https://a", "https://b", "https://c"]
    rich = Media(each="rich", url="u", kind=Value(value="video"), alt="alt")
    assert list(media(document, rich, notes)) == [Medium(url="https://d", kind="video", alt="d")]
    assert not notes.unread
    assert list(media({"rich": [{"alt": "x"}, {"u": "https://e", "alt": []}]}, rich, notes)) == [
        Medium(url="https://e", kind="video")
    ]
    assert "without a url" in notes.unread["feed_medium_unreadable"][0]


YAML = """
name: y
platform: made
source: {topic: t}
post:
  - when: {type: [post, reel]}
    id: [id, version]
    caption: text
removal:
  - when: {type: gone}
    kind: account_gone
    author: who
"""


def mapping(folder: Path, old: str = "", new: str = "") -> TopicMapping:
    """Return the mapping of `YAML` with a change."""
    file = folder / "map.yaml"
    file.write_text(YAML.replace(old, new) if old else YAML)
    return load_mapping(file)


def test_a_yaml_mapping_gives_posts_and_removals_and_an_edit_is_another_post(tmp_path: Path) -> None:
    to_record = partial(mapping(tmp_path).to_record, raw=b"", notes=Notes())
    posts = [to_record({"type": "reel", "id": 1, "version": version, "text": "x"}) for version in (1, 1, 2)]
    first, again, edited = (post.post_id for post in posts if isinstance(post, Post))
    assert first == again != edited
    gone = to_record({"type": "gone", "who": "w"})
    assert isinstance(gone, Removal)
    assert (gone.kind, gone.author, gone.platform) == ("account_gone", "w", "made")
    assert to_record({"type": "like"}) is None
    for broken in ({"type": "post", "id": 1, "text": "x"}, {"type": "gone"}, {"type": "post", "id": 1, "version": 1}):
        with pytest.raises(EntryError):
            to_record(broken)


@pytest.mark.parametrize("document", [None, 1, "x", [], [1], {}, {"type": []}, {"type": {}}])
def test_a_record_of_any_other_shape_matches_no_mapping(tmp_path: Path, document: Any) -> None:
    assert mapping(tmp_path).to_record(document, b"", Notes()) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("topic: t", "topik: t"), "topik"),
        (("caption: text", "caption: a..b"), "a..b"),
        (("caption: text", "url: {template: 'https://a/{id'}"), "https://a/{id"),
        (("caption: text", "url: {template: 'https://a/{a..b}'}"), "a..b"),
        (("kind: account_gone", "kind: away"), "away"),
        (("{topic: t}", "{topic: t, format: avro}"), "schema_file"),
        (("{topic: t}", "{topic: t, schema_file: x}"), "json neither"),
        (("platform: made", ""), "platform"),
        (("name: y", "name: ["), "map.yaml"),
    ],
)
def test_a_typo_is_one_line_that_names_it(tmp_path: Path, change: tuple[str, str], text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        mapping(tmp_path, *change)
    assert text in str(refusal.value)
    assert "map.yaml" in str(refusal.value)


def test_a_sample_shows_what_becomes_of_each_record_and_a_broken_one_stops_nothing(tmp_path: Path) -> None:
    with_media = mapping(tmp_path, "    caption: text", "    caption: text\n    media: {each: files, url: href}")
    records = [
        b'{"type": "post", "id": 1, "version": 2, "text": "words", "files": [{"href": "https://a"}, {}]}\n',
        b"\n", b'{"type": "gone", "who": "w"}\n', b'{"type": "like"}\n', b'{"type": "post", "id": 1}\n', b"{broken",
    ]  # fmt: skip
    post, beside, removal, ignored, no_version, broken, counts = mapped_lines(with_media, records)
    assert msgspec.json.decode(post.removeprefix("1: post "), type=Post).media == [Medium(url="https://a")]
    assert beside == "1: dead letter feed_medium_unreadable: files: an item without a url"
    assert '"kind":"account_gone"' in removal.removeprefix("3: removal ")
    assert ignored == "4: ignored"
    assert no_version == "5: dead letter feed_record_unmappable: no id at ['id', 'version']"
    assert broken.startswith("6: dead letter feed_record_unmappable: invalid JSON")
    assert counts == "post: 1, removal: 1, ignored: 1, dead letter: 3"


def test_our_credentials_are_not_sent_to_servers_of_a_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = load_settings(security_protocol="SASL_SSL", sasl_username="us", sasl_password="ours")
    monkeypatch.setenv("JIKIMI_SASL_PASSWORD", "ours")
    assert source_settings(mapping(tmp_path).source, ours) is ours
    theirs = source_settings(mapping(tmp_path, "topic: t", "topic: t, bootstrap_servers: 'theirs:9092'").source, ours)
    assert (theirs.bootstrap_servers, theirs.security_protocol) == ("theirs:9092", "PLAINTEXT")
    assert (theirs.sasl_username, theirs.sasl_password.get_secret_value()) == ("", "")
    named = "topic: t, bootstrap_servers: 'theirs:9092', sasl_password_env: THEIRS"
    with pytest.raises(UsageError, match="THEIRS"):
        source_settings(mapping(tmp_path, "topic: t", named).source, ours)


def test_the_documented_mapping_is_the_tested_one() -> None:
    page = (EXAMPLES / "feeds.md").read_text()
    assert (EXAMPLES / "examples" / "osprey.toml").read_text() in page
