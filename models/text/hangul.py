"""Hangul taken apart: syllables as strings of jamo, and the ways in which names are disguised by them."""

import re
import unicodedata
from functools import cache
from itertools import groupby, product

_INITIAL = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWEL = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINAL = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_JAMO = {
    ord(start) + index: letter
    for start, letters in (("\u1100", _INITIAL), ("\u1161", _VOWEL), ("\u11a8", _FINAL))
    for index, letter in enumerate(letters)
}
_TWO_STROKES = (
    "ㄳㄱㅅ ㄵㄴㅈ ㄶㄴㅎ ㄺㄹㄱ ㄻㄹㅁ ㄼㄹㅂ ㄽㄹㅅ ㄾㄹㅌ ㄿㄹㅍ ㅀㄹㅎ ㅄㅂㅅ "
    "ㅘㅗㅏ ㅙㅗㅐ ㅚㅗㅣ ㅝㅜㅓ ㅞㅜㅔ ㅟㅜㅣ ㅢㅡㅣ"
)
_CLUSTERS = str.maketrans({cluster[0]: cluster[1:] for cluster in _TWO_STROKES.split()})
"""What takes two strokes to type, and is written as two letters when a syllable is taken apart."""
_SOUNDS_ALIKE = str.maketrans("ㄲㄸㅃㅆㅉㅔㅖ", "ㄱㄷㅂㅅㅈㅐㅒ")
_DRAWN_OUT = re.compile(rf"([{_VOWEL}])ㅇ(?=\1)")
_KEYS = str.maketrans("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ", "qwertyuiopasdfghjklzxcvbnm")
_SHIFTED = str.maketrans("ㄲㄸㅃㅆㅉㅒㅖ", "reqtwop")
"""Case is folded, so the shift key does not show."""
_JAMO_OF_KEY = str.maketrans("qwertyuiopasdfghjklzxcvbnm", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ")

SYLLABLES = re.compile("[가-힣]+")
SINGLE = re.compile("[\u1100-\u11ff]")
"""A jamo that is part of no syllable, after NFKC."""


def is_hangul(text: str) -> bool:
    """Return whether a text begins with Hangul; for a piece of one script, whether it is Hangul."""
    return bool(text) and ("가" <= text[0] <= "힣" or "\u1100" <= text[0] <= "\u11ff")


@cache
def jamo(letter: str) -> str:
    """Return what a syllable or single jamo is made of, each part as it is written alone."""
    return unicodedata.normalize("NFD", letter).translate(_JAMO).translate(_CLUSTERS)


def jamo_of(text: str) -> str:
    """Return a text's jamo in a row; whatever is no Hangul stays."""
    return "".join(map(jamo, text))


def written(text: str) -> str:
    """Return a text with its single jamo in one encoding: 김ㅁㅈ, whether typed or copied."""
    return "".join(letter if "가" <= letter <= "힣" else jamo(letter) for letter in text)


def loose(letters: str) -> str:
    """Return a string of jamo as it is heard at a distance: tense as plain, ㅔ as ㅐ, drawn-out and doubled once."""
    once = _DRAWN_OUT.sub("", letters.translate(_SOUNDS_ALIKE))
    return "".join(letter for letter, _ in groupby(once))


def is_loose(letters: str) -> bool:
    """Return whether a string of jamo may hide another: more than its doubled letters would go in `loose`."""
    return letters.translate(_SOUNDS_ALIKE) != letters or bool(_DRAWN_OUT.search(letters))


def swapped(letters: str) -> set[str]:
    """Return a string of jamo with any two neighbours in the wrong order."""
    turned = (letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :] for at in range(len(letters) - 1))
    return {form for form in turned if form != letters}


def initials(name: str) -> str:
    """Return the first jamo of each syllable: ㄱㅁㅈ."""
    return "".join(jamo(syllable)[0] for syllable in name)


def abbreviated(name: str) -> set[str]:
    """Return a name with some or all syllables down to their first jamo: 김ㅁㅈ, ㄱㅁㅈ."""
    choices = [(syllable, jamo(syllable)[0]) for syllable in name]
    return {"".join(parts) for parts in product(*choices)} - {name}


def typed_latin(name: str) -> str:
    """Return what the keys of a name write when the keyboard is left in English: rlaalswl for 김민지."""
    return jamo_of(name).translate(_SHIFTED).translate(_KEYS)


def typed_hangul(word: str) -> str:
    """Return what the keys of a Latin word write when the keyboard is left in Korean, as jamo."""
    return word.translate(_JAMO_OF_KEY).translate(_CLUSTERS)
