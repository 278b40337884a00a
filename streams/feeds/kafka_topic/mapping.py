"""Mapping file: posts and removals from the records of a platform's own topic."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from schemas.ids import record_id
from schemas.messages import Post, Removal, RemovalKind
from streams.errors import UsageError
from streams.feeds.entry import Entry, EntryMedium, post_of
from streams.feeds.entry_error import EntryError
from streams.feeds.kafka_topic.values import Media, Spec, find, media, placeholders, steps, text, texts, time
from streams.feeds.notes import Notes
from streams.feeds.removal import RemovalEntry
from streams.secrets.settings import has_credentials

Scalar = str | int | bool
_HELP = "see ops/docs/feeds.md"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The platform's Kafka; our own, with our user name and password, if no servers are given."""

    topic: str
    bootstrap_servers: str | None = None
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password_env: str | None = None
    """Environment variable with the password; or, with _FILE appended, with its file. No secret is in the mapping."""
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    start: Literal["earliest", "latest"] = "earliest"
    """Offset at which a first run begins."""
    format: Literal["json", "avro"] = "json"
    schema_file: str | None = None
    """For Avro without a registry; relative to the working directory."""
    schema_registry_url: str | None = None
    """For Avro in Confluent's framing."""
    schema_registry_auth_env: str | None = None
    """Environment variable with user:password for it."""


class _RecordMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    when: dict[str, Scalar | list[Scalar]] = {}
    """Required value, or alternative values, by path; all paths must match."""
    url: Spec | None = None
    author: Spec | None = None

    def matches(self, document: Any) -> bool:  # noqa: ANN401 - JSON
        """Return whether this mapping applies to a record."""
        return all(
            find(document, path) in (wanted if isinstance(wanted, list) else [wanted])
            for path, wanted in self.when.items()
        )


class PostMapping(_RecordMapping, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Origins of a post's fields."""

    id: Spec | list[Spec] | None = None
    """The platform's own id, with a version if posts can be edited; without it the post's id depends on the url."""
    published_at: Spec | None = None
    caption: Spec | None = None
    tags: str | None = None
    language: Spec | None = None
    media: str | Media | list[str | Media] = []

    def to_post(self, document: Any, platform: str, raw: bytes, notes: Notes) -> Post:  # noqa: ANN401 - JSON
        """Return the post.

        Raises
        ------
        EntryError
            The record lacks a required part of a post.
        """
        specs = self.media if isinstance(self.media, list) else [self.media]
        found: list[str | EntryMedium | None] = [
            EntryMedium(url=medium.url, kind=medium.kind, alt=medium.alt)
            for spec in specs
            for medium in media(document, spec, notes)
        ]
        entry = Entry(
            post_id=self._id(document, platform, notes),
            platform=platform,
            url=text(document, self.url, notes),
            author=text(document, self.author, notes),
            published_at=time(document, self.published_at, notes),
            caption=text(document, self.caption, notes) or "",
            tags=[*texts(document, self.tags, notes)],
            language=text(document, self.language, notes),
            media=found,
        )
        try:
            return post_of(entry, feed="topic", raw=raw, notes=notes)
        except EntryError as error:
            raise EntryError("; ".join([str(error), *notes.lines])) from error

    def _id(self, document: Any, platform: str, notes: Notes) -> str | None:  # noqa: ANN401 - JSON
        if self.id is None:
            return None
        ids = [text(document, spec, notes) for spec in (self.id if isinstance(self.id, list) else [self.id])]
        if None in ids:
            raise EntryError(f"no id at {self.id}")
        return record_id("feed-topic", platform, *ids)


class RemovalMapping(_RecordMapping, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Origins of a removal's fields."""

    kind: RemovalKind
    status: Spec | None = None
    at: Spec | None = None

    def to_removal(self, document: Any, platform: str, notes: Notes) -> Removal:  # noqa: ANN401 - JSON
        """Return the removal.

        Raises
        ------
        EntryError
            The record lacks a required part of a removal.
        """
        return RemovalEntry(
            kind=self.kind,
            platform=platform,
            url=text(document, self.url, notes),
            author=text(document, self.author, notes),
            status=text(document, self.status, notes),
            at=time(document, self.at, notes),
        ).to_removal()


class TopicMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Content of a mapping file."""

    name: str
    """Of the feed; its cursor is stored under this name."""
    platform: str
    source: Source
    post: list[PostMapping]
    removal: list[RemovalMapping] = []

    def to_record(self, document: Any, raw: bytes, notes: Notes) -> Post | Removal | None:  # noqa: ANN401 - JSON
        """Return the post or removal of a record, None if no mapping matches.

        Parameters
        ----------
        raw
            The original bytes; the post's id depends on them if it has neither id nor url.
        notes
            Get what the post lacks of the record.

        Raises
        ------
        EntryError
            A mapping matches, but the record lacks a required part.
        """
        for post in self.post:
            if post.matches(document):
                return post.to_post(document, self.platform, raw, notes)
        for removal in self.removal:
            if removal.matches(document):
                return removal.to_removal(document, self.platform, notes)
        return None


def load_mapping(path: Path) -> TopicMapping:
    """Return the mapping in a TOML or YAML file, recognised by extension.

    Raises
    ------
    UsageError
        The file is invalid; one line explains the error.
    """
    try:
        raw = path.read_text("utf-8")
        parsed = yaml.safe_load(raw) if path.suffix in {".yaml", ".yml"} else tomllib.loads(raw)
        mapping = msgspec.convert(parsed, TopicMapping)
        _check_paths(msgspec.to_builtins(mapping))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:  # also of msgspec, TOML and UTF-8
        raise UsageError(f"{path}: {error}; {_HELP}") from error
    _check_source(mapping.source, path)
    return mapping


def _check_paths(mapping: Mapping[str, Any]) -> None:
    """Raise ValueError for a malformed path."""
    for part in (*mapping["post"], *mapping["removal"]):
        for path in part["when"]:
            steps(path)
        for spec in part.values():
            for path in _paths(spec):
                steps(path)


def _paths(spec: Any) -> list[str]:  # noqa: ANN401 - part of a mapping
    match spec:
        case str():
            return [spec]
        case list():
            return [path for item in spec for path in _paths(item)]
        case {"url": _}:
            return [path for item in spec.values() if item is not None for path in _paths(item)]
        case {"path": str(path)}:
            return [path]
        case {"template": str(template)}:
            return placeholders(template)
        case _:
            return []


def _check_source(source: Source, path: Path) -> None:
    schemas = source.schema_file is not None, source.schema_registry_url is not None
    if (source.format == "avro") is not (sum(schemas) == 1):
        raise UsageError(f"{path}: format avro needs schema_file or schema_registry_url, json neither; {_HELP}")
    if has_credentials(source.schema_registry_url or ""):
        raise UsageError(f"{path}: schema_registry_url holds a password: use schema_registry_auth_env; {_HELP}")
