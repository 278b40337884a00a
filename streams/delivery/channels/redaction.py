"""Removal of secrets from what a platform answers: some echo a request with its credentials in their errors."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_MASK = "[secret]"
_MAX_SECRETS = 32
"""A session's tokens change every few hours; the oldest of them are no longer valid."""


class Redaction:
    """Masks known secrets in texts; never shows them itself."""

    def __init__(self, *secrets: str) -> None:
        self._fixed = [form for text in secrets for form in _forms(text)]
        self._changing: dict[str, None] = {}

    def add(self, *secrets: str) -> None:
        """Mask further secrets, such as the tokens of a session; of these the latest 32 are kept."""
        self._changing |= dict.fromkeys(secrets)
        while len(self._changing) > _MAX_SECRETS:
            del self._changing[next(iter(self._changing))]

    def line(self, text: str, limit: int = 300) -> str:
        """Return a text as one printable line without the secrets, of at most `limit` characters."""
        masked = text
        forms = [*self._fixed, *(form for secret in self._changing for form in _forms(secret))]
        for form in sorted(forms, key=len, reverse=True):
            masked = masked.replace(form, _MASK)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in masked).split())
        return line[:limit]


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret can occur in an answer: as it is, in JSON, in a URL, in base64, by line."""
    if not secret:
        return
    yield secret
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode()
    lines = secret.splitlines()
    if len(lines) > 1:  # a private key: no line of it may pass either
        yield from (line for line in lines if len(line) > _MIN_LINE)


_MIN_LINE = 8
