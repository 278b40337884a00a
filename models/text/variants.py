"""Other spellings of one word in its own script: without accents or traditional characters, with neighbours' letters.

A word has two: `bare` leaves accents and variants out, `expanded` writes them as two letters (Mueller for Müller), or
keeps the vowels that the plain form of Thai or Hindi lacks. In both, traditional characters are simplified.
"""

import unicodedata
from functools import cache, lru_cache
from itertools import groupby

from models.text.han import simplified
from models.text.words import VOWEL_MARKS

_CACHED = 4096
_BARE = str.maketrans(
    dict(zip("łđøıħŧŋĸðəɓɗƴ", "ldoihtnkdebdy", strict=True))
    | {"æ": "ae", "œ": "oe", "þ": "th", "ĳ": "ij", "ء": "", "ـ": ""}
    | dict.fromkeys("أإآٱ", "ا")  # noqa: RUF001 - an alef
    | dict.fromkeys("ىیئےۍې", "ي")
    | dict.fromkeys("کڪ", "ك")
    | dict.fromkeys("ةۃہھەۀ", "ه")  # noqa: RUF001 - a he
    | {"ؤ": "و"}
)
"""Letters that do not decompose, and those of Arabic, Persian and Urdu that are typed for one another."""
_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "đ": "dj"})
_KEPT = frozenset("йўӣӯ")
"""Letters of their own although they decompose: few leave their mark out, and nearly every text has them."""
_DECOMPOSED = (("\u00c0", "\u058f"), ("\u0600", "\u08ff"), ("\u1e00", "\u1fff"))
"""Latin, Greek, Cyrillic; Arabic; Vietnamese, old Greek."""


@lru_cache(_CACHED)
def variants(raw: str, plain: str) -> tuple[str, str]:
    """Return the bare and the expanded spelling of a word; equal to `plain` where nothing differs."""
    if plain.isascii():
        return plain, plain
    bare = "".join(map(_bare, plain)).translate(_DIGITS)
    if not VOWEL_MARKS.isdisjoint(raw):
        kept = unicodedata.normalize("NFKC", raw.casefold())
        return bare, "".join(letter for letter in kept if letter.isalnum() or letter in VOWEL_MARKS)
    return bare, "".join(map(_bare, plain.translate(_EXPANDED)))


def once(word: str) -> str:
    """Return a word with doubled letters written once."""
    return "".join(letter for letter, _ in groupby(word))


@cache
def _bare(letter: str) -> str:
    if letter.isascii() or letter in _KEPT:
        return letter
    if any(first <= letter <= last for first, last in _DECOMPOSED):
        parts = unicodedata.normalize("NFD", letter)
        letter = "".join(part for part in parts if not unicodedata.combining(part))
    return simplified(letter.translate(_BARE))


_DIGITS = {
    ord(letter): str(unicodedata.digit(letter))
    for letter in map(chr, (*range(0x660, 0x66A), *range(0x6F0, 0x6FA), *range(0x966, 0x970), *range(0xE50, 0xE5A)))
}
"""Arabic, Persian, Devanagari and Thai digits."""
