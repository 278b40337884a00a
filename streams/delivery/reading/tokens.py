"""Tokens of platforms that read their takedowns over HTTP."""

from collections.abc import Mapping
from hashlib import sha256

from litestar.exceptions import NotAuthorizedException

from streams.delivery.platforms.registry import Registry
from streams.delivery.secrets import secret
from streams.errors import UsageError
from streams.settings import Settings

_MIN_LENGTH = 16


class PlatformTokens:
    """Platforms by their tokens, which are kept as digests: the time of a lookup does not depend on how near it was.

    Parameters
    ----------
    tokens
        By platform.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._platforms = {_digest(token): platform for platform, token in tokens.items()}

    def __len__(self) -> int:
        return len(self._platforms)

    def platform(self, authorization: str) -> str:
        """Return the platform whose token the header `Authorization` has; raises NotAuthorizedException for none."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or (platform := self._platforms.get(_digest(token.strip()))) is None:
            raise NotAuthorizedException(
                "unknown token: the `reader_secret` of a platform in JIKIMI_DELIVERY_PLATFORMS names it",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return platform


def platform_tokens(settings: Settings, registry: Registry) -> PlatformTokens:
    """Return the tokens of the platforms that have a `reader_secret`.

    Raises
    ------
    UsageError
        One is missing, too short, or the same as another.
    """
    tokens = {
        name: secret(settings, entry.reader_secret) for name, entry in registry.platforms.items() if entry.reader_secret
    }
    for name, token in tokens.items():
        if len(token) < _MIN_LENGTH:
            raise UsageError(
                f"the secret {registry.platforms[name].reader_secret} needs {_MIN_LENGTH} characters or more"
            )
    if len({*tokens.values(), settings.http.token.get_secret_value()}) <= len(tokens):
        raise UsageError("two platforms have the same reader_secret, or one has that of JIKIMI_HTTP_TOKEN")
    return PlatformTokens(tokens)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
