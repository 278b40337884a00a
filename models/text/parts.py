"""Splitting of running text at every boundary: blanks, signs, changes of script, words of scripts without blanks.

ICU finds the words of Chinese, Japanese, Thai, Lao, Khmer and Burmese by its dictionaries (Unicode Standard Annex 29).
Scripts with blanks need no dictionary.
"""

import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from urllib.parse import unquote

from icu4py.breakers import WordBreaker

from models.text.han import simplified
from models.text.hangul import is_hangul
from models.text.words import HANGUL, MAX_CHARACTERS, VOWEL_MARKS, Edge, Piece, plain, visible

_MAX_PARTS = 6000
"""Most parts of one running text; the rest is not searched."""
_MAX_UNSPACED = 20_000
"""Most characters split by a dictionary."""
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uaa60-\uaa7f\U00020000-\U0003ffff"  # noqa: E501
_UNSPACED = re.compile(f"[{UNSPACED}]")
_HAN_OR_KANA = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+")
_MARKS = "".join(sorted(VOWEL_MARKS))
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_RIGHT_TO_LEFT = "\u0590-\u08ff"
_SCRIPTS = re.compile(
    rf"[{HANGUL}]+|[{UNSPACED}]+|[{_RIGHT_TO_LEFT}]+|[^{HANGUL}{UNSPACED}{_RIGHT_TO_LEFT}]+",
)
_TOKENS = re.compile(rf"(?P<blank>\s+)|(?P<run>{_LETTER}+)|(?P<inner>_+)|(?P<sign>[^\s\w]+)|.", re.DOTALL)
_ESCAPED = re.compile("(?:%[0-9A-Fa-f]{2})+")
_HOST = re.compile(r"xn--[a-z0-9-]{1,59}", re.IGNORECASE)
_COMMAS = frozenset(",،、")
_LAUGHTER = re.compile("(?<=[가-힣])([\u110f\u1112\u116e\u1172])\\1+$")
_SHORTEST, _LONGEST = 2, 6
"""Characters of a Chinese or Japanese name."""


def parts(text: str) -> list[Piece]:
    """Return the parts of a text in order, each with what precedes it.

    Addresses are decoded: percent-encoded paths and Punycode hosts.
    """
    shown = visible(_decoded(text[:MAX_CHARACTERS]))
    runs = list(_runs(shown))
    words = iter(_words([run for _, run, _ in runs if is_unspaced(run)]))
    found: list[Piece] = []
    for word, run, edge in runs:
        found += _split(word, run, edge, next(words, ()) if is_unspaced(run) else None)
        if len(found) >= _MAX_PARTS:
            break
    return found[:_MAX_PARTS]


def unspaced_names(read: list[Piece]) -> Iterator[str]:
    """Yield the stretches of two to six characters of Chinese and Japanese, wherever words begin or end.

    A dictionary has few names, and splits one that it lacks at the wrong place, or joins its ends to other words.
    Stretches with traditional characters come in simplified ones too.
    """
    for _, group in groupby(read, key=lambda piece: piece.word):
        for run in _HAN_OR_KANA.findall("".join(piece.plain for piece in group)):
            for spelling in dict.fromkeys((run, simplified(run))):
                yield from _stretches(spelling)


def _stretches(run: str) -> Iterator[str]:
    for first in range(len(run) - _SHORTEST + 1):
        yield from (run[first:last] for last in range(first + _SHORTEST, min(len(run), first + _LONGEST) + 1))


def _decoded(text: str) -> str:
    if "%" in text:
        text = _ESCAPED.sub(lambda found: unquote(found[0], errors="ignore"), text)
    return _HOST.sub(_host, text) if "xn--" in text.lower() else text


def _host(found: re.Match[str]) -> str:
    try:
        return found[0].lower().encode("ascii").decode("idna")
    except UnicodeError:
        return found[0]


def _runs(shown: str) -> Iterator[tuple[int, str, Edge]]:
    """Yield each run of letters and digits of one script: index of its word, the run, what precedes it."""
    word, edge = 0, Edge.FULL
    for found in _TOKENS.finditer(shown):
        if found.lastgroup == "run":
            for run in _SCRIPTS.findall(_LAUGHTER.sub("", found[0])):
                yield word, run, edge
                edge = Edge.FULL
            edge = Edge.INNER
        elif found.lastgroup == "blank":
            word += 1
            edge = max(edge, Edge.FULL)
        elif found.lastgroup == "sign":
            edge = Edge.COMMA if _COMMAS.intersection(found[0]) else max(edge, Edge.FULL)


def is_unspaced(run: str) -> bool:
    """Return whether a text begins with a script without blanks."""
    return run > "\u0dff" and bool(_UNSPACED.match(run))


def _words(runs: list[str]) -> list[list[str]]:
    """Return the words of each run of a script without blanks."""
    if not runs:
        return []
    found: list[list[str]] = [[]]
    for segment in WordBreaker("\n".join(runs)[:_MAX_UNSPACED], "en"):
        if segment == "\n":
            found.append([])
        else:
            found[-1].append(segment)
    return found


def _split(word: int, run: str, edge: Edge, words: list[str] | tuple[()] | None) -> Iterator[Piece]:
    if words is None:
        words = [run] if is_hangul(run) else _hump(run)
        following = Edge.INNER
    else:
        following = Edge.FULL
    for one in words:
        if normal := plain(one):
            yield Piece(word, one, normal, edge)
            edge = following


def _hump(run: str) -> list[str]:
    """Return a run split where an upper-case letter begins, or a digit follows a letter."""
    if run.islower() and run.isalpha():
        return [run]
    ends = [
        at
        for at, (one, other) in enumerate(pairwise(run), 1)
        if (other.isupper() and not one.isupper()) or (other.isdigit() and one.isalpha())
    ]
    return [run[first:last] for first, last in pairwise([0, *ends, len(run)])]
