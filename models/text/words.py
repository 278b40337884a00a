"""Splitting of running text into words, and of words into pieces of one script, for all normal forms."""

import re
import unicodedata
from typing import NamedTuple

HANGUL = "가-힣\u1100-\u1112\u1161-\u1175\u11a8-\u11c2"
"""Syllables and single jamo after NFKC, without the invisible fillers."""

_MAX_WORDS = 2000
"""Most words of one running text; the rest is not searched. A caption has some hundred."""
_MAX_WORD_CHARACTERS = 256
_MAX_CHARACTERS = 100_000
_INVISIBLE = frozenset({"Cf", "Mn", "Me", "Cc"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_WHITE_ON_BLACK = {first + index: chr(ord("a") + index) for first in (0x1F150, 0x1F170) for index in range(26)}
"""Letters that NFKC does not fold."""
_BETWEEN_HANGUL = re.compile(rf"(?<=[{HANGUL}])[^\w\s]+(?=[{HANGUL}])|_")
_LAUGHTER = re.compile("(?<=[가-힣])([\u110f\u1112\u116e\u1172])\\1+[^\\w]*$")
"""ㅋㅋ, ㅎㅎ, ㅠㅠ, ㅜㅜ after a word."""
_PIECES = re.compile(rf"[{HANGUL}]+|[^{HANGUL}]+")


class Piece(NamedTuple):
    """A run of Hangul, or of other characters, in one word."""

    word: int
    """Index of its word in the text."""
    raw: str
    """As written, with compatibility forms folded, case and signs kept."""
    plain: str
    """Letters and digits only, case folded; not empty."""


def normal_tokens(text: str) -> list[str]:
    """Return the words of a text in normal form: compatibility forms and case folded, marks and punctuation removed.

    Invisible characters are removed, so that they cannot split a word; punctuation inside a word too: hidden_cam,
    hidden.cam and hiddencam are one.
    """
    return [plain for word in visible(text).split() if (plain := _plain(word))]


def pieces(text: str) -> list[Piece]:
    """Return the words of a text, each split where Hangul begins or ends: in minji는 a particle follows the name.

    The first 2,000 words, and of each the first 256 characters.
    """
    found: list[Piece] = []
    for index, word in enumerate(visible(text[:_MAX_CHARACTERS]).split()[:_MAX_WORDS]):
        whole = _LAUGHTER.sub("", _BETWEEN_HANGUL.sub("", word[:_MAX_WORD_CHARACTERS]))
        found += [Piece(index, raw, plain) for raw in _PIECES.findall(whole) if (plain := _plain(raw))]
    return found


def visible(text: str) -> str:
    """Return a text's visible characters, compatibility forms folded: halfwidth jamo, full-width and styled letters."""
    folded = unicodedata.normalize("NFKC", text).translate(_WHITE_ON_BLACK)
    return "".join(letter for letter in folded if letter.isspace() or not _is_invisible(letter))


def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word.casefold())
    return "".join(letter for letter in folded if letter.isalnum() and not _is_invisible(letter))


def _is_invisible(letter: str) -> bool:
    return letter in _FILLERS or unicodedata.category(letter) in _INVISIBLE
