"""Resolver of addresses with all readers of pages that are there."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from streams.delivery.web_client import checked_client
from streams.desk.checking.extractor.extractor import Extractor, installed_version
from streams.desk.checking.readers.bluesky import BlueskyPosts
from streams.desk.checking.readers.mastodon import MastodonPosts
from streams.desk.checking.resolve import Resolver
from streams.desk.checking.resolved import LastReader, NoLastReader
from streams.desk.search.bluesky_server import BlueskyServer
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client
from streams.settings import Settings


@asynccontextmanager
async def resolving(settings: Settings) -> AsyncGenerator[Resolver]:
    """Yield a resolver that queries the interfaces of Bluesky and Mastodon for their posts, and reads other pages.

    Pages that name no video and no sound are for yt-dlp, where that is installed.

    Bluesky's server is the operator's choice, and may be where notices may go; a link leads where media may be.
    """
    media = settings.media
    async with AsyncExitStack() as stack:
        policy = AddressPolicy(media.allowed_hosts)
        links = guarded_client(policy, timeout_s=media.connect_timeout_s, max_connections=media.max_fetches)
        await stack.enter_async_context(links)
        server = BlueskyServer(settings.search, await stack.enter_async_context(checked_client(settings)))
        mastodon = MastodonPosts(links, settings.search.mastodon, settings.mastodon_token.get_secret_value())
        last: LastReader = NoLastReader()
        if installed_version():
            last = await stack.enter_async_context(Extractor(media, policy))
        yield await stack.enter_async_context(Resolver(media, policy, [BlueskyPosts(server), mastodon], last))
