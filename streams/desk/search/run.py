"""Start of the search feed: its platforms from the settings, its words from the desk's folder and the open cases."""

from collections.abc import AsyncGenerator, Mapping, Sequence

import httpx

from streams.cases.entries import read_keys
from streams.delivery.web_client import checked_client
from streams.desk.search.bluesky import BlueskySearch
from streams.desk.search.feed import SearchFeed
from streams.desk.search.mastodon import MastodonSearch
from streams.desk.search.platform import SearchPlatform
from streams.desk.search.words import SearchStates, read_words, word_key
from streams.errors import UsageError
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.settings import Settings


def platforms_of(settings: Settings, client: httpx.AsyncClient) -> list[SearchPlatform]:
    """Return the platforms that the settings name.

    Raises
    ------
    UsageError
        There are none.
    """
    search, found = settings.search, list[SearchPlatform]()
    if search.bluesky:
        found.append(BlueskySearch(search, client))
    if search.mastodon:
        token = settings.mastodon_token.get_secret_value()
        found.append(MastodonSearch(search.mastodon, token, "tag", client))
        found.append(MastodonSearch(search.mastodon, token, "words", client))
    if not found:
        raise UsageError("no platform to search: set JIKIMI_SEARCH_BLUESKY or JIKIMI_SEARCH_MASTODON to a server")
    return found


async def search_batches(settings: Settings, progress: Progress, *, once: bool) -> AsyncGenerator[Batch]:
    """Yield the batches of the feed; raises as `platforms_of`."""

    async def words() -> Mapping[str, Sequence[str]]:
        return read_words(settings, {key for key in await read_keys(settings) if "/" not in key})

    async with checked_client(settings) as client:
        feed = SearchFeed(
            settings.search,
            platforms_of(settings, client),
            words,
            lambda word: word_key(settings, word),
            SearchStates(settings).write,
            once=once,
        )
        async for batch in feed.batches(progress):
            yield batch
