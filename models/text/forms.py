"""Normal forms of a term and of running text: a text that has one of the term's forms names the term.

A term has many forms, each strong or weak: a form that ordinary text may hit by chance, or that stands for many names,
is weak and no proof by itself. Running text has disguised forms only of disguised words, so ordinary text has few.
"""

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from itertools import chain, groupby

from models.text import hangul
from models.text.lookalikes import is_disguised, skeletons
from models.text.romanise import readings, spellings
from models.text.words import Piece, normal_tokens, pieces

MAX_WORDS = 5
"""Most words of a term."""
MAX_CHARACTERS = 64
_MAX_PIECES = 10
_MAX_FORMS = 50_000
"""Most forms of one running text: a caption has some hundred, and the record must fit its topic."""
_MIN_FORM = 2
_NAME = 3
"""Least syllables of a Hangul term that is also found in the middle of a word, abbreviated, or drawn out."""
_LONGEST_INSIDE = 8
_LONGEST_ABBREVIATED = 4
_MIN_SKELETON, _STRONG_SKELETON = 4, 5
_STRONG_SPELLING = 7
_CERTAIN_READINGS = 4
_LONGEST_RUN = 24
_CACHED = 256
"""Cached pieces: the same piece is part of several consecutive forms."""
_SHORT = "~"
"""Prefix of a short skeleton, which is weak evidence and must differ from the plain word."""


class Strength(IntEnum):
    """Strength of a form as evidence of its term."""

    WEAK = 0
    STRONG = 1


def term_forms(term: str) -> dict[str, Strength]:
    """Return the forms of a term of at most five words; its plain form first."""
    words = normal_tokens(term)
    plain = "".join(words)
    forms = {plain: Strength.STRONG}
    if hangul.SYLLABLES.fullmatch(plain):
        _add(forms, _hangul_forms(plain))
    elif not hangul.SYLLABLES.search(plain):
        _add(forms, _latin_forms(words))
    return forms


def text_forms(text: str) -> set[str]:
    """Return the forms of every one to five words in a row.

    Words are also joined, because spacing is often wrong or omitted on purpose. The last word also counts without its
    ending if it is Hangul, because particles are appended to it: 민지가 names 민지. Three syllables or more also count
    inside a Hangul word: 유출김민지영상 names 김민지, but 지민지가 does not name 민지.
    """
    read = pieces(text)
    rows = (read[first : first + _MAX_PIECES] for first in range(len(read)))
    forms: set[str] = set()
    for form in chain(
        chain.from_iterable(map(_row, rows)),
        chain.from_iterable(map(_run, _spelt_out(read))),
        chain.from_iterable(_inside(piece.plain) for piece in read),
        _without_wedges(read),
    ):
        if _MIN_FORM <= len(form) <= MAX_CHARACTERS:
            forms.add(form)
        if len(forms) == _MAX_FORMS:
            break
    return forms


def _add(forms: dict[str, Strength], others: Iterator[tuple[str, Strength]]) -> None:
    for form, strength in others:
        forms[form] = max(strength, forms.get(form, strength))


def _hangul_forms(name: str) -> Iterator[tuple[str, Strength]]:
    letters = hangul.jamo_of(name)
    is_name = len(name) >= _NAME
    yield letters, Strength.STRONG
    yield hangul.typed_latin(name), Strength(is_name)
    if is_name:
        yield hangul.loose(letters), Strength.STRONG
        yield from ((form, Strength.STRONG) for form in hangul.swapped(letters))
        short = hangul.abbreviated(name) if len(name) <= _LONGEST_ABBREVIATED else {hangul.initials(name)}
        yield from ((form, Strength.WEAK) for form in short)
    for spelling in spellings(name):
        strength = Strength(is_name and len(spelling) >= _STRONG_SPELLING)
        if len(spelling) > _NAME:
            yield spelling, strength
            yield from ((form, min(strength, best)) for form, best in _skeleton_forms(spelling))


def _latin_forms(words: list[str]) -> Iterator[tuple[str, Strength]]:
    plain = "".join(words)
    yield from _skeleton_forms(plain)
    if plain.isascii() and plain.isalpha() and len(plain) > _NAME:
        yield hangul.typed_hangul(plain), Strength(len(plain) >= _STRONG_SKELETON)
    names = readings(words)
    certain = len(names) <= _CERTAIN_READINGS
    yield from ((name, Strength(certain and len(name) >= _NAME)) for name in names)


def _skeleton_forms(word: str) -> Iterator[tuple[str, Strength]]:
    for form in map(_marked, skeletons(word)):
        if form:
            yield form, Strength(len(form) >= _STRONG_SKELETON and form[0] != _SHORT)


def _marked(skeleton: str) -> str:
    """Return a skeleton as a form: with a prefix if short, empty if too short."""
    if len(skeleton) >= _STRONG_SKELETON:
        return skeleton
    return _SHORT + skeleton if len(skeleton) >= _MIN_SKELETON else ""


def _row(row: list[Piece]) -> Iterator[str]:
    """Yield the forms that begin with the first of these pieces."""
    prefixes = _Prefixes()
    for piece in row:
        if piece.word - row[0].word >= MAX_WORDS or prefixes.length > MAX_CHARACTERS:
            return
        yield from prefixes.ends(piece)
        prefixes.add(piece)


class _Prefixes:
    """Prefixes of forms, one of each kind, to which the next piece is appended."""

    def __init__(self) -> None:
        self.length = 0
        self._plain = ""
        self._skeletons = [""]
        self._letters = ""
        self._written = ""
        self._disguised = False
        self._single = False

    def add(self, piece: Piece) -> None:
        self._plain += piece.plain
        self.length = len(self._plain)
        self._skeletons = [_joined(head, form) for head in self._skeletons for form in _skeletons_of(piece)[:1]]
        self._letters += hangul.jamo_of(piece.plain)
        self._written += hangul.written(piece.plain)
        self._disguised |= _is_disguised(piece)
        self._single |= bool(hangul.SINGLE.search(piece.plain))

    def ends(self, piece: Piece) -> Iterator[str]:
        """Yield the forms that end with this piece, or with a prefix of it."""
        stems = list(_stems(piece.plain, len(self._plain)))
        yield from (self._plain + stem for stem in stems)
        if self._disguised or _is_disguised(piece):
            yield from (_marked(_joined(head, form)) for head in self._skeletons for form in _skeletons_of(piece))
        for stem in stems:
            letters = self._letters + hangul.jamo_of(stem)
            single = self._single or bool(hangul.SINGLE.search(stem))
            if single:
                yield letters
                yield self._written + hangul.written(stem)
            if len(self._plain) + len(stem) >= _NAME and (single or hangul.is_loose(letters)):
                yield hangul.loose(letters)


def _joined(head: str, skeleton: str) -> str:
    """Return the skeleton of two words joined, in which no letter is repeated in a row."""
    return head + (skeleton[1:] if head and skeleton.startswith(head[-1]) else skeleton)


def _stems(plain: str, before: int) -> Iterator[str]:
    """Yield a piece and, if Hangul, its prefixes of two or more syllables; of one or more after two or more letters."""
    yield plain
    if not plain.isascii() and hangul.is_hangul(plain):
        least = 1 if before >= _MIN_FORM else _MIN_FORM
        yield from (plain[:length] for length in range(least, min(len(plain), MAX_CHARACTERS)))


@lru_cache(_CACHED)
def _skeletons_of(piece: Piece) -> list[str]:
    return (not hangul.is_hangul(piece.plain) and skeletons(piece.raw)) or [piece.plain]


@lru_cache(_CACHED)
def _is_disguised(piece: Piece) -> bool:
    return not hangul.is_hangul(piece.plain) and is_disguised(piece.raw)


def _inside(plain: str) -> Iterator[str]:
    """Yield the stretches of three to eight syllables that begin in the middle of a Hangul word."""
    if hangul.SYLLABLES.fullmatch(plain):
        for first in range(1, min(len(plain), MAX_CHARACTERS) - _NAME + 1):
            end = min(len(plain), first + _LONGEST_INSIDE)
            yield from (plain[first:last] for last in range(first + _NAME, end + 1))


def _without_wedges(read: list[Piece]) -> Iterator[str]:
    """Yield the Hangul of words with one or two foreign letters, or single jamo, inserted between syllables."""
    for _, group in groupby(read, key=lambda piece: piece.word):
        parts = [piece.plain for piece in group]
        short = all(len(part) <= _MIN_FORM or hangul.is_hangul(part) for part in parts)
        whole = "".join(parts)
        bare = "".join(hangul.SYLLABLES.findall(whole))
        if short and bare != whole and len(bare) >= _NAME:
            yield from (bare[:length] for length in range(_NAME, min(len(bare), MAX_CHARACTERS) + 1))


def _spelt_out(read: list[Piece]) -> Iterator[list[Piece]]:
    """Yield the runs of more than two words of one or two letters each, as in m i n j i."""
    for is_short, group in groupby(read, key=_is_short):
        run = list(group)
        if is_short and len(run) > _MIN_FORM:
            yield run


def _is_short(piece: Piece) -> bool:
    return len(piece.plain) <= (1 if hangul.is_hangul(piece.plain) else _MIN_FORM)


def _run(run: list[Piece]) -> Iterator[str]:
    """Yield the forms of three to 24 short words joined."""
    for first in range(len(run) - _MIN_FORM):
        prefixes = _Prefixes()
        for number, piece in enumerate(run[first : first + _LONGEST_RUN]):
            if number >= _MIN_FORM:
                yield from prefixes.ends(piece)
            prefixes.add(piece)
