"""Address policy of one page's extractor: the public internet, and the page's own host where the settings allow it."""

from urllib.parse import urlsplit

from streams.links.addresses import AddressPolicy

_PORTS = {"http": 80, "https": 443}


class OwnHostPolicy(AddressPolicy):
    """Public addresses, and those that a policy allows for a page's own host and port.

    A private address that the settings allow, such as a media store's, is not the extractor's business: a page could
    have it read, and what is read could leave in the next request.
    """

    def __init__(self, policy: AddressPolicy, page: str) -> None:
        super().__init__()
        parts = urlsplit(page)
        self._policy = policy
        self._own = parts.hostname, parts.port or _PORTS.get(parts.scheme)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of them allowed; errors as those of AddressPolicy."""
        if (host.lower(), port) == self._own:
            return await self._policy.addresses(host, port)
        return await super().addresses(host, port)
