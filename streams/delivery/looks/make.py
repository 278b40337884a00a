"""Looks by the methods that the platforms' file names."""

from streams.delivery.looks.bluesky import BlueskyLook
from streams.delivery.looks.look import Look
from streams.delivery.looks.mastodon import MastodonLook
from streams.delivery.looks.web import WebLook
from streams.delivery.web_client import checked_client
from streams.settings import Settings


def make_look(method: str, settings: Settings) -> Look | None:
    """Return the look of a method: web, bluesky or mastodon; None for none, where nothing can be looked at."""
    timeout_s = settings.delivery.timeout_s
    match method:
        case "web":
            return WebLook(checked_client(settings), timeout_s)
        case "bluesky":
            return BlueskyLook(checked_client(settings), settings.delivery.plc_directory, timeout_s)
        case "mastodon":
            return MastodonLook(checked_client(settings), timeout_s)
        case _:
            return None
