"""Checks of the settings for searches, platforms' answers and exchanged hash lists; nothing is connected to."""

from streams.delivery.platforms.registry import load_registry
from streams.delivery.reading.tokens import platform_tokens
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.settings import Settings


def search(settings: Settings) -> Finding:
    """Check what `jikimi feed search` needs."""
    given = settings.search
    named = [name for name, server in (("Bluesky", given.bluesky), ("Mastodon", given.mastodon)) if server]
    if not named:
        return ok("search", "off: JIKIMI_SEARCH_BLUESKY and JIKIMI_SEARCH_MASTODON name no server")
    try:
        settings.required_term_key()
    except UsageError as error:
        return wrong("search", "cursors are kept under the term key, which is not set or too short", str(error))
    if bool(given.bluesky_account) != bool(given.bluesky_password.get_secret_value()):
        remedy = "set JIKIMI_SEARCH_BLUESKY_ACCOUNT and JIKIMI_SEARCH_BLUESKY_PASSWORD, or none of them"
        return wrong("search", "only one of account and password of Bluesky is set", remedy)
    if given.mastodon and not settings.mastodon_token.get_secret_value():
        remedy = "set JIKIMI_MASTODON_TOKEN to a token of a user there, scope read"
        return warn("search", f"{given.mastodon} may refuse to search without a token", remedy)
    limits = f"{given.per_minute} queries a minute and {given.per_day} a day each"
    return ok("search", f"{' and '.join(named)} can be asked, {limits}")


def exchange(settings: Settings) -> Finding:
    """Check what `jikimi exchange` needs."""
    token = settings.http.token.get_secret_value()
    served = f"serve answers {'others with JIKIMI_HTTP_TOKEN' if token else 'this machine alone, without a token'}"
    if not settings.lists:
        return ok("exchange", f"{served}; JIKIMI_LISTS is not set: no post is compared with imported lists")
    try:
        settings.required_term_key()
    except UsageError as error:
        return wrong("exchange", "MD5 of lists are not compared: the term key is not set or too short", str(error))
    return ok("exchange", f"{served}; posts are compared with imported lists")


def reading(settings: Settings) -> Finding:
    """Check what platforms need to read their takedowns over HTTP."""
    try:
        tokens = platform_tokens(settings, load_registry(settings.delivery.platforms))
    except UsageError as error:
        return wrong("reading", str(error), "see ops/docs/platforms.md")
    if not len(tokens):
        return ok("reading", "off: no platform of JIKIMI_DELIVERY_PLATFORMS has a reader_secret")
    return ok("reading", f"{len(tokens)} platforms can read their takedowns")
