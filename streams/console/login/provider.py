"""An OpenID Connect provider: its addresses and its keys, fetched when they are needed and kept for an hour."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from streams.delivery.web_client import NoReply, Reply, ask
from streams.errors import TransientError
from streams.feeds.http.server import is_loopback
from streams.rights.settings import OidcSettings

KEPT_S = 3600.0
"""Time after which addresses and keys are fetched again, s."""
KEYS_APART_S = 60.0
"""Least time between two fetches of keys, s, however many tokens name an unknown one."""
TIMEOUT_S = 10.0
_MAX_KEYS = 100
_PATH = "/.well-known/openid-configuration"


class Addresses(NamedTuple):
    """Addresses of a provider."""

    login: str
    token: str
    keys: str
    logout: str
    """Ends the session at the provider; empty if it has none."""
    takes_basic: bool
    """Whether the client's secret goes into the header, not the body."""


class Provider:
    """One provider.

    Every method raises `TransientError` if the provider does not answer as one.
    """

    def __init__(
        self, oidc: OidcSettings, client: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.oidc = oidc
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._addresses: tuple[float, Addresses] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def addresses(self) -> Addresses:
        """Return its addresses."""
        async with self._lock:
            if self._addresses is None or self._age(self._addresses[0]) >= KEPT_S:
                self._addresses = self._clock(), self._parsed(await self._get(f"{self.oidc.issuer}{_PATH}"))
            return self._addresses[1]

    async def keys(self, *, unknown: bool = False) -> KeySet:
        """Return its keys; newer ones if a token names an unknown key, at most once a minute."""
        address = (await self.addresses()).keys
        async with self._lock:
            kept_s = KEYS_APART_S if unknown else KEPT_S
            if self._keys is None or self._age(self._keys[0]) >= kept_s:
                self._keys = self._clock(), _key_set(await self._get(address))
            return self._keys[1]

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Reply:
        """Return the answer to a request, of limited time and size."""
        try:
            return await ask(
                self._client, method, url, timeout_s=TIMEOUT_S, follow=False, headers=headers, content=content
            )
        except NoReply as error:
            raise _no_provider(error.error) from error

    async def _get(self, url: str) -> Mapping[str, object]:
        reply = await self.send("GET", url, {"accept": "application/json"})
        return parsed(reply)

    def _parsed(self, found: Mapping[str, object]) -> Addresses:
        if found.get("issuer") != self.oidc.issuer:
            raise _no_provider("it names another issuer than JIKIMI_OIDC_ISSUER")
        login, token, keys = (_address(found, f"{name}") for name in _NEEDED)
        logout = _address(found, "end_session_endpoint") if found.get("end_session_endpoint") else ""
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Addresses(login, token, keys, logout, isinstance(methods, list) and "client_secret_basic" in methods)

    def _age(self, at_s: float) -> float:
        return self._clock() - at_s


_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def parsed(reply: Reply) -> Mapping[str, object]:
    """Return the JSON object of a provider's answer.

    Raises
    ------
    TransientError
        The answer is none.
    """
    try:
        found = json.loads(reply.body) if reply.whole and reply.status == httpx.codes.OK else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _no_provider(f"status {reply.status} without the expected JSON")
    return found


def is_safe(address: str) -> bool:
    """Return whether nobody on the way can read or change what is exchanged with an address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _address(found: Mapping[str, object], name: str) -> str:
    address = found.get(name)
    if not isinstance(address, str) or not is_safe(address):
        raise _no_provider(f"its {name} is not an https address")
    return address


def _key_set(found: Mapping[str, object]) -> KeySet:
    keys = found.get("keys")
    try:
        return KeySet.import_key_set({"keys": keys[:_MAX_KEYS]}) if isinstance(keys, list) else KeySet([])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _no_provider("its keys cannot be read") from error


def _no_provider(why: str) -> TransientError:
    return TransientError("login_unavailable", f"the login service does not answer as expected: {why}")
