"""Splitting of running text into words, and of words into pieces of one script, for all normal forms."""

import re
import unicodedata
from enum import IntEnum
from typing import NamedTuple

HANGUL = "가-힣\u1100-\u1112\u1161-\u1175\u11a8-\u11c2"
"""Syllables and single jamo after NFKC, without the invisible fillers."""

MAX_CHARACTERS = 100_000
"""Most characters of one running text; the rest is not searched."""
_MAX_WORDS = 2000
"""Most words of one running text; the rest is not searched. A caption has some hundred."""
_MAX_WORD_CHARACTERS = 256
_INVISIBLE = frozenset({"Cf", "Mn", "Me", "Cc"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_WHITE_ON_BLACK = {first + index: chr(ord("a") + index) for first in (0x1F150, 0x1F170) for index in range(26)}
"""Letters that NFKC does not fold."""
_BETWEEN_HANGUL = re.compile(rf"(?<=[{HANGUL}])[^\w\s]+(?=[{HANGUL}])|_")
_LAUGHTER = re.compile("(?<=[가-힣])([\u110f\u1112\u116e\u1172])\\1+[^\\w]*$")
"""ㅋㅋ, ㅎㅎ, ㅠㅠ, ㅜㅜ after a word."""
_PIECES = re.compile(rf"[{HANGUL}]+|[^{HANGUL}]+")
_VOWEL_SCRIPTS = range(0x0900, 0x1C00)
"""From Devanagari to Batak: scripts in which some vowels are marks."""
_NO_VOWELS = frozenset("\u17b4\u17b5\u180b\u180c\u180d\u180f")
_ACCENT_CLASSES = frozenset({220, 228, 230})
VOWEL_MARKS = frozenset(
    letter
    for letter in map(chr, _VOWEL_SCRIPTS)
    if unicodedata.category(letter) in {"Mn", "Mc"}
    and unicodedata.combining(letter) not in _ACCENT_CLASSES
    and letter not in _NO_VOWELS
)
"""Marks that are letters of their script: without them Thai and Hindi names lose their vowels."""
_OVERRIDE = re.compile("\u202e([^\u202a-\u202e\n]*)(?:\u202c|$)", re.MULTILINE)
"""Text shown from right to left whatever its letters."""
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]+")
_FLAG = re.compile("(?<=\\S)[\U0001f1e6-\U0001f1ff]{2}(?![\U0001f1e6-\U0001f1ff])(?<![\U0001f1e6-\U0001f1ff]{3})")
"""Two of them behind a letter."""
_FIRST_FLAG_LETTER = 0x1F1E6


class Edge(IntEnum):
    """What precedes a piece."""

    INNER = 0
    """Nothing, or an underscore: the word goes on."""
    FULL = 1
    """A blank, a sign, a change of script."""
    COMMA = 2


class Piece(NamedTuple):
    """A run of Hangul, or of other characters, in one word."""

    word: int
    """Index of its word in the text."""
    raw: str
    """As written, with compatibility forms folded, case and signs kept."""
    plain: str
    """Letters and digits only, case folded; not empty."""
    edge: Edge = Edge.FULL


def normal_tokens(text: str) -> list[str]:
    """Return the words of a text in normal form: compatibility forms and case folded, marks and punctuation removed.

    Invisible characters are removed, so that they cannot split a word; punctuation inside a word too: hidden_cam,
    hidden.cam and hiddencam are one.
    """
    return [normal for word in visible(text).split() if (normal := plain(word))]


def pieces(text: str) -> list[Piece]:
    """Return the words of a text, each split where Hangul begins or ends: in minji는 a particle follows the name.

    The first 2,000 words, and of each the first 256 characters.
    """
    found: list[Piece] = []
    for index, word in enumerate(visible(text[:MAX_CHARACTERS]).split()[:_MAX_WORDS]):
        whole = _LAUGHTER.sub("", _BETWEEN_HANGUL.sub("", word[:_MAX_WORD_CHARACTERS]))
        found += [Piece(index, raw, normal) for raw in _PIECES.findall(whole) if (normal := plain(raw))]
    return found


def visible(text: str) -> str:
    """Return a text's visible characters, compatibility forms folded: halfwidth jamo, full-width and styled letters.

    Overridden directions are as shown, and letters made of flags are letters; a flag beside a word is a blank.
    """
    shown = _FLAG_LETTERS.sub(_unflagged, _FLAG.sub(" ", _OVERRIDE.sub(_as_shown, text)))
    folded = unicodedata.normalize("NFKC", shown).translate(_WHITE_ON_BLACK)
    if folded.isascii() and folded.isprintable():
        return folded
    return "".join(letter for letter in folded if letter.isspace() or not _is_invisible(letter))


def plain(word: str) -> str:
    """Return the letters and digits of a word, case folded."""
    if word.isascii() and word.isalnum():
        return word.lower()
    folded = unicodedata.normalize("NFKC", word.casefold())
    return "".join(letter for letter in folded if letter.isalnum() and not _is_invisible(letter))


def _is_invisible(letter: str) -> bool:
    return letter in _FILLERS or (unicodedata.category(letter) in _INVISIBLE and letter not in VOWEL_MARKS)


def _as_shown(found: re.Match[str]) -> str:
    text = found[1]
    is_turned = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in text)
    return text if is_turned else text[::-1]


def _unflagged(found: re.Match[str]) -> str:
    return "".join(chr(ord(letter) - _FIRST_FLAG_LETTER + ord("a")) for letter in found[0])
