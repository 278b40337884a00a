"""Notices, and channels to the local platforms."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from schemas.ids import record_id
from schemas.messages import Filer, Notice, NoticeItem
from streams.delivery.channels.channel import Channel
from streams.delivery.channels.make import make_channel
from streams.delivery.channels.sender import Sender
from streams.delivery.platforms.registry import (
    ActivityPubChannel,
    BlueskyChannel,
    ChannelEntry,
    MastodonChannel,
    WebhookChannel,
)
from streams.delivery.web_client import Reply
from streams.settings import Settings, load_settings
from tests.support.deadline import DEADLINE_S
from tests.support.platforms import bluesky, mastodon, webhook
from tests.support.platforms.activitypub import ACTOR, LocalFediverse
from tests.support.platforms.bluesky import LocalBluesky
from tests.support.platforms.certificates import private_pem
from tests.support.platforms.http_server import LocalServer
from tests.support.platforms.mastodon import LocalMastodon
from tests.support.platforms.webhook import LocalWebhook
from tests.unit.made_messages import NOW

KEY = record_id("takedown", "t1", "notice", 1, "webhook")
TAKEDOWN = record_id("takedown", "p1", "case-a")
SECRETS = {
    "webhook": webhook.SECRET,
    "bluesky": bluesky.PASSWORD,
    "mastodon": mastodon.TOKEN,
    "activitypub": private_pem(),
}
_SHORT_S = 0.2
SERVERS: Mapping[str, type[LocalServer]] = {
    "webhook": LocalWebhook,
    "bluesky": LocalBluesky,
    "mastodon": LocalMastodon,
    "activitypub": LocalFediverse,
}


class Text:
    """Stands for the renderer."""

    def text(self, notice: Notice, limit: int | None = None) -> str:
        return f"Notice {notice.notice_id}: {notice.reasons}"[:limit]

    def html(self, notice: Notice) -> str:
        return f"<p>{notice.reasons}</p>"

    def subject(self, notice: Notice) -> str:
        return f"Removal of {len(notice.items)} posts"


def item(url: str, takedown_id: str = TAKEDOWN, **changes: Any) -> NoticeItem:
    fields: dict[str, Any] = {
        "content_types": ["VIDEO"],
        "published_at": NOW,
        "first_seen": NOW,
        "detected_at": NOW,
        "probability": 0.99,
        "act_at": 0.95,
    }
    return NoticeItem(takedown_id=takedown_id, url=url, **fields | changes)


def notice(*urls: str, **changes: Any) -> Notice:
    fields: dict[str, Any] = {
        "notice_id": record_id("notice", "n1"),
        "case_id": "case-a",
        "kind": "shared_without_consent",
        "laws": ["EU_DSA16"],
        "filer": Filer(body="Centre", role="designated_body", email="centre@example.org"),
        "signed_by": "Centre",
        "signed_at": NOW,
        "platform": "made",
        "reasons": "Shared without consent. 동의 없이 유포되었습니다.",
        "good_faith": "We believe in good faith …",
        "accuracy": "It is accurate and complete.",
        "language": "en",
        "attempt": 1,
        "created_at": NOW,
    }
    items = [item(url, record_id("takedown", url)) for url in urls]
    return msgspec.structs.replace(Notice(items=items or [item("https://example.org/p1")], **fields), **changes)


def settings(**changes: Any) -> Settings:
    delivery: dict[str, Any] = {"secrets": SECRETS, "allowed_hosts": ("127.0.0.1",), "timeout_s": DEADLINE_S}
    return load_settings(delivery=delivery | changes)


def entry_of(server: LocalServer) -> ChannelEntry:
    match server:
        case LocalWebhook():
            return WebhookChannel(kind="webhook", url=server.address, secret="webhook")
        case LocalBluesky():
            return BlueskyChannel(
                kind="bluesky",
                service=server.url,
                account=bluesky.ACCOUNT,
                secret="bluesky",
                labeler=bluesky.LABELER,
                resolver=server.url,
            )
        case LocalMastodon():
            return MastodonChannel(kind="mastodon", server=server.url, secret="mastodon")
        case _:
            pass
    return ActivityPubChannel(kind="activitypub", actor=ACTOR, secret="activitypub")


def post_of(server: LocalServer) -> str:
    """Return the address of a post at a server."""
    match server:
        case LocalBluesky() | LocalFediverse():
            return server.add_post("3kabc")
        case LocalMastodon():
            return server.add_status("111")
        case _:
            pass
    return "https://example.org/p1"


def hurry(monkeypatch: pytest.MonkeyPatch, server: LocalServer) -> None:
    """Let the time limit pass at once in a request that the server fails, and never in another."""
    ask = Sender.ask

    async def ask_in_a_hurry(sender: Sender, method: str, url: str, **content: Any) -> Reply:
        monkeypatch.setattr(sender, "_timeout_s", _SHORT_S if server.will_fail(urlsplit(url).path) else DEADLINE_S)
        return await ask(sender, method, url, **content)

    monkeypatch.setattr(Sender, "ask", ask_in_a_hurry)


@asynccontextmanager
async def channel_to(server: LocalServer, **changes: Any) -> AsyncIterator[Channel]:
    """Yield the channel to a local platform."""
    channel = make_channel(entry_of(server), settings(**changes), renderer=Text())
    assert channel is not None
    try:
        yield channel
    finally:
        await channel.close()
