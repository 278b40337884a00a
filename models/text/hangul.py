"""Decomposition of Hangul into jamo, and disguised spellings of names made with them."""

import re
import unicodedata
from functools import cache, lru_cache
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
"""Jamo typed with two keys, which are written as two letters when a syllable is decomposed."""
_SOUNDS_ALIKE = str.maketrans("ㄲㄸㅃㅆㅉㅔㅖ", "ㄱㄷㅂㅅㅈㅐㅒ")
_DRAWN_OUT = re.compile(rf"([{_VOWEL}])ㅇ(?=\1)")
_KEYS = str.maketrans("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ", "qwertyuiopasdfghjklzxcvbnm")
_SHIFTED = str.maketrans("ㄲㄸㅃㅆㅉㅒㅖ", "reqtwop")
"""Keys typed with shift; case is folded."""
_JAMO_OF_KEY = str.maketrans("qwertyuiopasdfghjklzxcvbnm", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ")

SYLLABLES = re.compile("[가-힣]+")
SINGLE = re.compile("[\u1100-\u11ff]")
"""A jamo that is part of no syllable, after NFKC."""


def is_hangul(text: str) -> bool:
    """Return whether a text begins with Hangul; for a piece of one script, whether it is Hangul."""
    return bool(text) and ("가" <= text[0] <= "힣" or "\u1100" <= text[0] <= "\u11ff")


@cache
def jamo(letter: str) -> str:
    """Return the jamo of a syllable or single jamo, each as it is written alone."""
    return unicodedata.normalize("NFD", letter).translate(_JAMO).translate(_CLUSTERS)


def jamo_of(text: str) -> str:
    """Return a text as a string of jamo; other characters are unchanged."""
    return "".join(map(jamo, text))


def written(text: str) -> str:
    """Return a text with its single jamo in one encoding: 김ㅁㅈ is the same typed and copied."""
    return "".join(letter if "가" <= letter <= "힣" else jamo(letter) for letter in text)


def loose(letters: str) -> str:
    """Return a string of jamo by approximate sound: tense as plain, ㅔ as ㅐ, drawn-out and doubled letters once."""
    once = _DRAWN_OUT.sub("", letters.translate(_SOUNDS_ALIKE))
    return "".join(letter for letter, _ in groupby(once))


def is_loose(letters: str) -> bool:
    """Return whether a string of jamo may disguise another: `loose` would change more than its doubled letters."""
    return letters.translate(_SOUNDS_ALIKE) != letters or bool(_DRAWN_OUT.search(letters))


def swapped(letters: str) -> set[str]:
    """Return the strings of jamo with one pair of neighbours swapped."""
    turned = (letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :] for at in range(len(letters) - 1))
    return {form for form in turned if form != letters}


def initials(name: str) -> str:
    """Return the first jamo of each syllable: ㄱㅁㅈ."""
    return "".join(jamo(syllable)[0] for syllable in name)


def abbreviated(name: str) -> set[str]:
    """Return the forms of a name with some or all syllables reduced to their first jamo: 김ㅁㅈ, ㄱㅁㅈ."""
    choices = [(syllable, jamo(syllable)[0]) for syllable in name]
    return {"".join(parts) for parts in product(*choices)} - {name}


def typed_latin(name: str) -> str:
    """Return a Hangul name typed on an English keyboard layout: rlaalswl for 김민지."""
    return jamo_of(name).translate(_SHIFTED).translate(_KEYS)


def typed_hangul(word: str) -> str:
    """Return a Latin word typed on a Korean keyboard layout, as jamo."""
    return word.translate(_JAMO_OF_KEY).translate(_CLUSTERS)


_PARTICLES = (
    "이 가 은 는 을 를 의 에 에서 에게 에게서 께 께서 한테 한테서 와 과 랑 이랑 하고 도 만 까지 부터 "
    "조차 마저 로 으로 로서 으로서 보다 처럼 같은 같이 나 이나 든 이든 라 이라 라고 이라고 라는 이라는 란 "
    "이란 라도 이라도 라며 이라며 야 이야 아 여 이여 씨 님 양 군 네 이네 들 뿐 밖에 마다 대로 요 이요 "
    "예요 이예요 이에요 에요 입니다 이다 다 였다 이었다 인 인데 이고 고 이며 며 거 꺼 때"
)
_PARTICLE = re.compile(f"(?:{'|'.join(sorted(_PARTICLES.split(), key=len, reverse=True))}){{0,3}}")


@lru_cache(4096)
def is_particle(ending: str) -> bool:
    """Return whether an ending is empty or one to three particles, titles or endings that follow a name."""
    return bool(_PARTICLE.fullmatch(ending))
