"""Sources of media by the scheme of their links: the web, object stores, files."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from streams.decode.fetch.local_files import LocalFiles, names_others
from streams.decode.fetch.object_store import ObjectStoreSource
from streams.decode.fetch.web import HttpSource, Span
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError
from streams.links.addresses import AddressPolicy


class Sources:
    """Sources of one worker.

    Parameters
    ----------
    settings
        Limits and allow-lists.
    policy
        Addresses that http links may lead to.
    """

    def __init__(self, settings: MediaSettings, policy: AddressPolicy) -> None:
        self._http = HttpSource(settings, policy)
        self._objects = ObjectStoreSource(settings)
        self._files = LocalFiles(settings)

    async def close(self) -> None:
        """Close kept connections."""
        await self._http.close()

    def in_place(self, parts: SplitResult) -> Path | None:
        """Return the file of a file link that is a medium; None for what is fetched, a playlist in a file too."""
        if parts.scheme != "file":
            return None
        path = self._files.path(parts)
        return None if names_others(path) else path

    def read(
        self,
        url: str,
        declare: Callable[[int], None],
        *,
        span: Span | None = None,
        located: Callable[[str], object] = str,
    ) -> AsyncGenerator[bytes]:
        """Return the chunks of what a link names; parameters and errors as those of HttpSource.read."""
        parts = split(url)
        if parts.scheme == "s3":
            return self._objects.read(parts, declare, span)
        if parts.scheme == "file":
            return self._files.read(parts, span)
        return self._http.read(url, declare, span=span, located=located)


def split(url: str) -> SplitResult:
    """Return the parts of a link; raise link_malformed or link_scheme."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed, and so validated, only on access
    except ValueError as error:
        raise UnprocessableError("link_malformed", "the link cannot be parsed") from error
    if parts.scheme not in ("http", "https", "s3", "file"):
        raise UnprocessableError("link_scheme", f"links of scheme {parts.scheme[:20]!r} are not fetched")
    if parts.scheme != "file" and not parts.hostname:
        raise UnprocessableError("link_malformed", "the link names no host")
    return parts
