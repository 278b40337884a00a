"""Channels of the platforms' entries."""

from typing import assert_never

from streams.delivery.channels.activitypub import MAX_CHARACTERS as MAX_FLAG
from streams.delivery.channels.activitypub import FlagActivities
from streams.delivery.channels.bluesky import MAX_CHARACTERS as MAX_BLUESKY
from streams.delivery.channels.bluesky import BlueskyReports
from streams.delivery.channels.channel import Channel
from streams.delivery.channels.http_signature import RequestSigner
from streams.delivery.channels.mail import MailNotices, MailServer
from streams.delivery.channels.mastodon import MAX_CHARACTERS as MAX_MASTODON
from streams.delivery.channels.mastodon import MastodonReports
from streams.delivery.channels.renderer import Renderer
from streams.delivery.channels.return_address import return_address
from streams.delivery.channels.sender import Sender
from streams.delivery.channels.webhook import WebhookNotices
from streams.delivery.notices import render
from streams.delivery.platforms.registry import (
    ActivityPubChannel,
    BlueskyChannel,
    ChannelEntry,
    MailChannel,
    ManualChannel,
    MastodonChannel,
    TopicChannel,
    WebhookChannel,
)
from streams.delivery.secrets import secret, webhook_signer
from streams.delivery.web_client import checked_client
from streams.errors import UsageError
from streams.secrets.redaction import Redaction
from streams.settings import Settings


def make_channel(
    entry: ChannelEntry, settings: Settings, *, max_characters: int | None = None, renderer: Renderer = render
) -> Channel | None:
    """Return the channel of an entry, None for those that nothing is sent by: topic and manual.

    Parameters
    ----------
    max_characters
        Length limit of the platform's entry; the channel's own by default.

    Raises
    ------
    UsageError
        A secret is missing or wrong, or mail has no server or sender.
    """
    match entry:
        case WebhookChannel():
            shared = secret(settings, entry.secret)
            signer = webhook_signer(shared, entry.secret)
            return WebhookNotices(entry.url, signer, _sender(settings, shared))
        case MailChannel():
            return _mail(entry, settings, renderer)
        case BlueskyChannel():
            password = secret(settings, entry.secret)
            limit = max_characters or MAX_BLUESKY
            return BlueskyReports(entry, password, _sender(settings, password), renderer, limit=limit)
        case MastodonChannel():
            token = secret(settings, entry.secret)
            limit = max_characters or MAX_MASTODON
            return MastodonReports(entry, token, _sender(settings, token), renderer, limit=limit)
        case ActivityPubChannel():
            pem = secret(settings, entry.secret)
            signer_ = RequestSigner(entry.actor, pem, entry.secret)
            limit = max_characters or MAX_FLAG
            return FlagActivities(entry.actor, signer_, _sender(settings, pem), renderer, limit=limit)
        case TopicChannel() | ManualChannel():
            return None
    assert_never(entry)


def _sender(settings: Settings, *secrets: str) -> Sender:
    return Sender(checked_client(settings), settings.delivery.timeout_s, Redaction(*secrets))


def _mail(entry: MailChannel, settings: Settings, renderer: Renderer) -> MailNotices:
    ours = settings.delivery
    if not ours.smtp_host or not ours.mail_from:
        raise UsageError(f"mail to {entry.to} needs JIKIMI_DELIVERY_SMTP_HOST and JIKIMI_DELIVERY_MAIL_FROM")
    return MailNotices(entry.to, MailServer(ours), return_address(ours), renderer)
