"""Removal of secrets from texts that leave the process: log lines, dead letters, errors, answers of platforms.

No code prints a secret on purpose. This is for the texts of others: a server that repeats a request with its
credentials in an error, a library that puts them into an exception.
"""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_MASK = "[secret]"
_MAX_SECRETS = 32
"""A session's tokens change every few hours; the oldest of them are no longer valid."""
_MAX_KNOWN = 1_000
"""Secrets of a process: about ten, and one for each platform. Of more, the latest are masked."""
_MIN_KNOWN = 8
"""Shorter secrets are not masked in all texts of the process: they would mask parts of ordinary words."""
_MIN_LINE = 8


class Redaction:
    """Masks known secrets in texts; never shows them itself.

    Parameters
    ----------
    max_changing
        Of those added later, how many are kept.
    """

    def __init__(self, *secrets: str, max_changing: int = _MAX_SECRETS) -> None:
        self._fixed = secrets
        self._changing: dict[str, None] = {}
        self._max_changing = max_changing
        self._pattern: re.Pattern[str] | None = None

    def add(self, *secrets: str) -> None:
        """Mask further secrets, such as the tokens of a session; the latest of them are kept."""
        if set(secrets) <= self._changing.keys():
            return
        self._changing |= dict.fromkeys(secrets)
        while len(self._changing) > self._max_changing:
            del self._changing[next(iter(self._changing))]
        self._pattern = None

    def mask(self, text: str) -> str:
        """Return a text without the secrets."""
        if self._pattern is None:
            self._pattern = _pattern(*self._fixed, *self._changing)
        return self._pattern.sub(_MASK, text)

    def line(self, text: str, limit: int = 300) -> str:
        """Return a text as one printable line without the secrets, of at most `limit` characters."""
        masked = self.mask(text)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in masked).split())
        return line[:limit]


_KNOWN = Redaction(max_changing=_MAX_KNOWN)
"""Secrets that this process has read, from settings and files."""


def hide(*secrets: str) -> None:
    """Mask these secrets in every log line, dead letter and error of this process from now on."""
    _KNOWN.add(*(secret for secret in secrets if len(secret) >= _MIN_KNOWN))


def masked(text: str) -> str:
    """Return a text without the secrets that this process has read."""
    return _KNOWN.mask(text)


def _pattern(*secrets: str) -> re.Pattern[str]:
    """Return what matches any form of any secret, the longest first; without secrets, what matches nothing."""
    forms = {form for secret in secrets for form in _forms(secret)}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))) or r"(?!)")


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret can occur in a text: as it is, in JSON, in a URL, in hex, in base64, by line."""
    if not secret:
        return
    yield secret
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield from _encoded(secret.encode())
    lines = secret.splitlines()
    if len(lines) > 1:  # a private key: no line of it may pass either
        yield from (line for line in lines if len(line) > _MIN_LINE)


def _encoded(secret: bytes) -> Iterator[str]:
    """Yield hex and base64; a login sends name and password in one piece, so the base64 of any surroundings too."""
    yield secret.hex()
    yield secret.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for n_before in range(3):
            # The characters that depend only on the secret: without those that its neighbours share in.
            encoded = encode(bytes(n_before) + secret).decode().rstrip("=")
            inner = encoded[(0, 2, 3)[n_before] : len(encoded) - ((n_before + len(secret)) % 3 > 0)]
            if len(inner) > _MIN_LINE:
                yield inner
