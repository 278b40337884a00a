"""Normal form of letters that look alike: other alphabets, accents, digits and signs for letters, doubled letters.

After Unicode Technical Standard 39, "Unicode Security Mechanisms", whose table of confusables comes with the package
confusable-homoglyphs; in addition the digits and signs of leet, few of which are in that table.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import combinations, groupby, pairwise

from confusable_homoglyphs.confusables import confusables_data

_LEET = str.maketrans("0134567892|!@$+€£", "oieasgtbgziiastel")
_ONE_STROKE = str.maketrans("l", "i")
"""l, I, 1 and | look the same, so they are one letter here."""
_TWO_FOR_ONE = {"m": "rn", "w": "vv", "d": "cl"}
_EXCLAMATION = re.compile(r"[!+|]+$")
_NAMED = re.compile(r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH .*)?")
_PLAIN = re.compile(r"[a-z]*|[0-9]*")
_PUNCTUATION = frozenset(".,_-:;?'\"()[]#/&")


def skeletons(raw: str) -> list[str]:
    """Return the forms shared by all spellings that look like this one: letters of the Latin alphabet and digits.

    One form, or two if a last sign may be a letter; none if the spelling does not look Latin.
    """
    word = raw.removeprefix("@")
    both = dict.fromkeys(_skeleton(form) for form in (_EXCLAMATION.sub("", word), word))
    return [form for form in both if form]


def is_disguised(raw: str) -> bool:
    """Return whether a word is not plainly written: only then its skeletons add forms to the word itself."""
    core = _EXCLAMATION.sub("", raw.removeprefix("@")).casefold()
    if any(one == other and one.isalpha() for one, other in pairwise(core)):
        return True
    return not _PLAIN.fullmatch("".join(letter for letter in core if letter not in _PUNCTUATION))


def _skeleton(word: str) -> str:
    folded = "".join(map(latin, word)).casefold().translate(_LEET).translate(_ONE_STROKE)
    letters = "".join(letter for letter in folded if letter.isalnum())
    return "".join(letter for letter, _ in groupby(letters)) if letters.isascii() else ""


def wider(word: str) -> Iterator[str]:
    """Yield the spellings with two letters for one that they look like: rninji for minji; one, or all of some kinds."""
    yield from (
        word[:at] + _TWO_FOR_ONE[letter] + word[at + 1 :] for at, letter in enumerate(word) if letter in _TWO_FOR_ONE
    )
    kinds = [kind for kind in _TWO_FOR_ONE if kind in word]
    for size in range(1, len(kinds) + 1):
        for chosen in combinations(kinds, size):
            yield "".join(_TWO_FOR_ONE[letter] if letter in chosen else letter for letter in word)


@cache
def latin(letter: str) -> str:
    """Return the Latin letter or letters that a letter looks like, or the letter itself."""
    if letter.isascii():
        return letter
    if named := _NAMED.fullmatch(unicodedata.name(letter, "")):
        return named[1]
    for form in (letter, letter.casefold(), letter.upper()):
        for entry in confusables_data.get(form, ()):
            bare = "".join(part for part in unicodedata.normalize("NFD", entry["c"]) if part.isalnum())
            if bare and bare.isascii():
                return bare
    return letter
