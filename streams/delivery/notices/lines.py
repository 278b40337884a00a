"""Text of strangers made safe for a notice: an account's name or a URL must not forge a line of it."""

import unicodedata
from urllib.parse import quote

_MAX_CHARACTERS = 300
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of line breaks, controls, and marks that change the direction of writing."""


def one_line(text: str) -> str:
    """Return a text without line breaks, controls and marks of direction, cut to 300 characters."""
    visible = "".join(" " if _is_unseen(character) else character for character in text)
    return " ".join(visible.split())[:_MAX_CHARACTERS]


def one_url(url: str) -> str:
    """Return a URL with those characters percent-encoded, so that it still leads to the post; never cut."""
    return "".join(
        quote(character, errors="replace") if character.isspace() or _is_unseen(character) else character
        for character in url
    )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN
