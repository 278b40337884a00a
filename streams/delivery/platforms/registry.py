"""Registry of platforms: how posts are recognised, which laws apply, which channels are tried in which order."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter, ValidationError

from schemas.messages import Law, PostRef
from streams.delivery.notices.catalogue import languages
from streams.errors import UsageError
from streams.links.urls import parts_of

_HOST = r"^[a-z0-9-]+(\.[a-z0-9-]+)*$"
_LEAST_CHARACTERS = 300
"""Least limit of a notice: a shorter one could not name laws, posts and filer."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WebhookChannel(_Entry):
    """Signed POST of the notice as JSON (Standard Webhooks)."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://")
    secret: str
    """Name of the secret, whsec_… or any text."""


class MailChannel(_Entry):
    """Mail to the platform's address for notices."""

    kind: Literal["mail"]
    to: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")


class BlueskyChannel(_Entry):
    """com.atproto.moderation.createReport to a labeler."""

    kind: Literal["bluesky"]
    service: str = Field(pattern=r"^https?://")
    """Server of the reporting account."""
    account: str
    """Handle or DID of the reporting account."""
    secret: str
    """Name of the secret with its app password."""
    labeler: str = Field(pattern=r"^did:")
    resolver: str = "https://plc.directory"
    """Server that resolves did:plc."""


class MastodonChannel(_Entry):
    """POST /api/v1/reports on the server of the reporting account, which forwards to the author's server."""

    kind: Literal["mastodon"]
    server: str = Field(pattern=r"^https?://")
    secret: str
    """Name of the secret with the access token; scopes write:reports and read:search."""
    forward: bool = True


class ActivityPubChannel(_Entry):
    """Flag activity to the inbox of the author's server, signed by our actor."""

    kind: Literal["activitypub"]
    actor: str = Field(pattern=r"^https?://")
    """URL of our actor."""
    secret: str
    """Name of the secret with the actor's private key, PEM."""


class TopicChannel(_Entry):
    """A platform that runs Jikimi or reads its takedowns, from our Kafka or over HTTP: they are the notice."""

    kind: Literal["topic"]


class ManualChannel(_Entry):
    """A form that only a person can fill in: the case shows it as the next step."""

    kind: Literal["manual"]
    url: str = Field(pattern=r"^https?://")


ChannelEntry = Annotated[
    WebhookChannel | MailChannel | BlueskyChannel | MastodonChannel | ActivityPubChannel | TopicChannel | ManualChannel,
    Field(discriminator="kind"),
]


class Platform(_Entry):
    """One platform."""

    title: str
    """Name for people."""
    posts: tuple[str, ...] = ()
    """Platform slugs in the posts."""
    hosts: tuple[Annotated[str, Field(pattern=_HOST)], ...] = ()
    """Hosts of its posts' URLs, their subdomains included."""
    laws: tuple[Law, ...] = ("PLATFORM_TOS",)
    """Legal bases of notices to it."""
    language: str = ""
    """Language of notices; the first of JIKIMI_DELIVERY_LANGUAGES by default."""
    contact: str = ""
    """Where a person asks."""
    regulator: str = ""
    """Regulator's address, for the evidence pack."""
    channels: tuple[ChannelEntry, ...] = ()
    """In order; the next one is tried when one refuses, or when the removal is overdue."""
    answers_secret: str = ""
    """Name of the secret that signs the platform's answers to `jikimi answers`; of its first webhook by default."""
    reader_secret: str = ""
    """Name of the secret that is its token for GET /v1/takedowns of the HTTP feed; none by default."""
    look: Literal["web", "bluesky", "mastodon", "none"] = "web"
    """How a removal is proved."""
    max_notices: PositiveInt = 4
    """Most notices of one takedown: the Korean law lets a platform restrict frequent groundless reports."""
    interval_h: PositiveFloat = 24.0
    """Time between two notices of one takedown, hours."""
    per_minute: PositiveFloat = 30.0
    """Most notices a minute, all takedowns together."""
    max_characters: Annotated[int, Field(ge=_LEAST_CHARACTERS)] | None = None
    """Length limit of the notice's text in its form or API."""


class Registry:
    """Platforms by name, the last one for all posts that no other recognises."""

    def __init__(self, platforms: dict[str, Platform]) -> None:
        self.platforms = platforms

    def named(self, name: str) -> Platform:
        """Return the entry of this name; of one that the file no longer has, that of all other posts."""
        return self.platforms.get(name) or self.platforms["other"]

    def find(self, post: PostRef) -> tuple[str, Platform]:
        """Return name and entry of the platform of a post: by its slug, else by the host of its URL, else `other`."""
        if post.platform in self._by_slug:
            return self._by_slug[post.platform]
        host = parts_of(post.url).hostname or ""
        while host:
            if host in self._by_host:
                return self._by_host[host]
            host = host.partition(".")[2]
        return "other", self.platforms["other"]

    @cached_property
    def _by_slug(self) -> dict[str, tuple[str, Platform]]:
        return {slug: (name, entry) for name, entry in self.platforms.items() for slug in entry.posts}

    @cached_property
    def _by_host(self) -> dict[str, tuple[str, Platform]]:
        return {host: (name, entry) for name, entry in self.platforms.items() for host in entry.hosts}


def load_registry(file: Path | None = None) -> Registry:
    """Return the platforms of a file, of the package's own by default.

    Raises
    ------
    UsageError
        The file is wrong; the message is one line with the entry and the field.
    """
    name = str(file) if file is not None else "platforms.yaml"
    try:
        text = file.read_text("utf-8") if file is not None else _OWN.read_text("utf-8")
        platforms = _PLATFORMS.validate_python(yaml.load(text, _UniqueKeys))  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{name}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{name}: {_path(first['loc'])}: {first['msg']}") from error
    if (problem := _problem(platforms)) is not None:
        raise UsageError(f"{name}: {problem}")
    return Registry(platforms)


def _problem(platforms: dict[str, Platform]) -> str | None:
    """Return what is wrong between entries, None if nothing."""
    owners: dict[tuple[str, str], str] = {}
    for name, entry in platforms.items():
        if entry.language and entry.language not in languages():
            return f"{name}.language: {entry.language} has no texts: {', '.join(languages())}"
        for found in (*(("slug", slug) for slug in entry.posts), *(("host", host) for host in entry.hosts)):
            if (owner := owners.setdefault(found, name)) != name:
                return f"the {' '.join(found)} is in {owner} and in {name}"
    return None if "other" in platforms else "it needs an entry `other` for posts that no platform recognises"


class _UniqueKeys(yaml.SafeLoader):
    """Loader that refuses a key that is there twice, where YAML's own would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.YAMLError(f"{twice} is there twice,{node.start_mark}")
        return super().construct_mapping(node, deep)


_OWN = files("streams.delivery.platforms").joinpath("platforms.yaml")
_PLATFORMS = TypeAdapter(dict[str, Platform])


def _path(parts: Sequence[int | str]) -> str:
    return ".".join(map(str, parts)) or "the file"
