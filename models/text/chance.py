"""Chance that ordinary text has a term's letters without naming anybody, from the word frequencies of its script.

The frequencies are those of the package wordfreq: its code is Apache-2.0, its lists are CC BY-SA 4.0 and no longer
updated. They are read when a case is opened, never in a stage. Thai, Lao, Khmer and Burmese have no list.
"""

import math
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from models.text import hangul

_LANGUAGES = {
    "[가-힣]": "ko",
    "[\u3040-\u30ff]": "ja",
    "[\u3400-\u9fff]": "zh ja",
    "[\u0400-\u04ff]": "ru uk bg mk",
    "[\u0600-\u06ff]": "ar fa ur",
    "[\u0590-\u05ff]": "he",
    "[\u0370-\u03ff]": "el",
    "[\u0900-\u097f]": "hi",
    "[\u0980-\u09ff]": "bn",
    "[\u0b80-\u0bff]": "ta",
    "[a-z]": "en de fr es it pt nl pl tr vi id fil sv cs",
}
_WRITTEN_TOGETHER = frozenset({"ko", "ja", "zh"})
_ONE_WORD, _SEVERAL_WORDS = -5.5, -6.5
"""Logarithm of the share of words from which a term is common: one in 300,000; several in a row are less by chance."""
_INSIDE, _INSIDE_BY_A_LETTER = -9.5, -7.0
"""Likewise for the end of one word and the beginning of the next, written together."""
_AFTER_VOWEL, _AFTER_CONSONANT = frozenset({"는", "를", "가", "와", "로", "야", "랑"}), frozenset("은을이과아")
_COUNTED = frozenset(
    {
        "송이",
        "마디",
        "가지",
        "사람",
        "마리",
        "아름",
        "모금",
        "그루",
        "걸음",
        "여름",
        "겨울",
        "가을",
        "나라",
        "마음",
        "순간",
        "아이",
    }
)
"""Nouns that often follow 한, one, which is also a surname."""
_OFTEN = 1000.0


class Chance(NamedTuple):
    """Whether a term is a common word."""

    is_common: bool
    """As a whole: no form of it is proof."""
    is_common_inside: bool
    """As the end of a word and the beginning of the next, in scripts or tags without blanks."""


def chance_of(spellings: Iterable[str]) -> Chance:
    """Return the highest chance of a term's spellings, joined and case folded, in any language of their script."""
    is_common = is_common_inside = False
    for letters in spellings:
        for language in _languages(letters):
            words = _words(language)
            is_common |= _exceeds(words.get(letters, 0.0), _ONE_WORD)
            is_common |= _exceeds(_several(letters, words), _SEVERAL_WORDS)
            is_common_inside |= language in _WRITTEN_TOGETHER and _is_inside(letters, words)
    return Chance(is_common, is_common or is_common_inside)


def has_frequencies(letters: str) -> bool:
    """Return whether it can be known how common a text is; always for digits and signs."""
    return bool(_languages(letters)) or not any(letter.isalpha() for letter in letters)


def _exceeds(share: float, limit: float) -> bool:
    return share > 0.0 and math.log10(share) > limit


def _languages(letters: str) -> list[str]:
    return next((names.split() for script, names in _LANGUAGES.items() if re.search(script, letters)), [])


@cache
def _words(language: str) -> dict[str, float]:
    """Return the share of each word of a language."""
    from wordfreq import get_frequency_dict  # noqa: PLC0415 - only where a case is opened

    found: dict[str, float] = get_frequency_dict(language, "small")
    return found


def _several(letters: str, words: dict[str, float]) -> float:
    """Return the share of the most frequent two or more words in a row with these letters, not all of one letter."""
    best = [(1.0, False)] + [(0.0, False)] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(end):
            if best[start][0] and end - start < len(letters):
                share = best[start][0] * _share(letters[:start], letters[start:end], words)
                best[end] = max(best[end], (share, best[start][1] or end - start > 1))
    share, has_word = best[-1]
    return share if has_word else 0.0


def _share(before: str, word: str, words: dict[str, float]) -> float:
    """Return the share of a word after these letters; a Korean particle has one form after vowels."""
    if before and hangul.is_hangul(before[-1:]):
        closed = (ord(before[-1]) - 0xAC00) % 28 != 0
        if word in (_AFTER_VOWEL if closed else _AFTER_CONSONANT):
            return 0.0
        if before == "한" and word in _COUNTED:
            return _OFTEN * words.get(word, 0.0)
    return words.get(word, 0.0)


def _is_inside(letters: str, words: dict[str, float]) -> bool:
    """Return whether a word, or the last letter of one, and the beginning of a longer one often have these letters."""
    last_letters = sum(share for word, share in words.items() if len(word) > 1 and word[-1] == letters[0])
    if _exceeds(last_letters * _beginning(letters[1:], words), _INSIDE_BY_A_LETTER):
        return True
    heads = ((words.get(letters[:at], 0.0), letters[at:]) for at in range(2, len(letters)))
    return any(_exceeds(share * _beginning(rest, words), _INSIDE) for share, rest in heads if share)


def _beginning(letters: str, words: dict[str, float]) -> float:
    return sum(share for word, share in words.items() if len(word) > len(letters) and word.startswith(letters))
