"""Normal forms of running text: of every one to five words in a row, and of disguised ones.

Running text has disguised forms only of disguised words, so ordinary text has few.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, groupby, pairwise
from typing import NamedTuple

from models.text import hangul
from models.text.lookalikes import is_disguised, skeletons
from models.text.marked import AFFIX_LEAST, EXACT, INNER, MAX_CHARACTERS, MAX_WORDS, REVERSED, marked_skeleton
from models.text.parts import is_unspaced, parts, unspaced_names
from models.text.variants import variants
from models.text.words import Edge, Piece, pieces

_MAX_PIECES, _MAX_PARTS = 10, 15
"""Most pieces of whole words, or parts of them, in one form."""
_FEW_PARTS = 3
"""Parts of a word up to which rows of parts have five such words."""
_SIGNS = re.compile("[|!@$+€£]")
"""Signs that stand for letters: parts have none."""
_MAX_FORMS = 50_000
"""Most forms of one running text: a caption has some hundred, and the record must fit its topic."""
_MIN_FORM = 2
_NAME = 3
"""Least syllables of a Hangul term that is also found in the middle of a word, or drawn out."""
_LONGEST_INSIDE = 8
_LONGEST_RUN = 24
_LONGEST_REVERSED = 3
_LONG_RUN = 12
_CACHED = 8192
"""Cached pieces: the same piece is part of several consecutive forms."""


def text_forms(text: str) -> set[str]:
    """Return the forms of every one to five words in a row.

    Words are also joined, because spacing is often wrong or omitted on purpose. The last word also counts without its
    ending if it is Hangul, because particles are appended to it: 민지가 names 민지. Three syllables or more also count
    inside a Hangul word: 유출김민지영상 names 김민지, but 지민지가 does not name 민지. Signs between
    words are both ignored and boundaries: h.i.d.d.e.n is one word, "Roe,Mary" two.
    """
    read, split = pieces(text), parts(text)
    forms: set[str] = set()
    for form in chain(
        _rows(read, split),
        chain.from_iterable(map(_run, chain(_spelt_out(read), _spelt_out(split)))),
        chain.from_iterable(_inside(piece.plain) for piece in read),
        _without_wedges(read),
        _reversed(split),
        (INNER + name for name in unspaced_names(split)),
        (INNER + end for end in _ends(read)),
    ):
        if _MIN_FORM <= len(form) <= MAX_CHARACTERS:
            forms.add(form)
        if len(forms) == _MAX_FORMS:
            break
    return forms


def _rows(read: list[Piece], split: list[Piece]) -> Iterator[str]:
    """Yield the forms of rows of parts, and of whole words that a row of their parts does not give."""
    for first in range(len(split)):
        yield from _row(split[first : first + _MAX_PARTS + 1])
    n_parts = Counter(part.word for part in split)
    wholes = [
        at
        for at, piece in enumerate(read)
        if n_parts[piece.word] > _FEW_PARTS or _SIGNS.search(piece.raw.removeprefix("@"))
    ]
    for first in sorted({at for last in wholes for at in range(max(0, last - _MAX_PIECES + 1), last + 1)}):
        yield from _row(read[first : first + _MAX_PIECES])


def _row(row: list[Piece]) -> Iterator[str]:
    """Yield the forms that begin with the first of these pieces; one part more than a row has is only looked at."""
    prefixes = _Prefixes(row[0].edge)
    for at, piece in enumerate(row[:_MAX_PARTS]):
        if piece.word - row[0].word >= MAX_WORDS or len(prefixes.plain) > MAX_CHARACTERS:
            return
        yield from prefixes.ends(piece, row[at + 1].edge if at + 1 < len(row) else Edge.FULL)
        prefixes.add(piece)


class _Known(NamedTuple):
    """A piece's parts of forms."""

    plain: str
    bare: str
    expanded: str
    is_hangul: bool
    skeletons: list[str]
    is_disguised: bool
    jamo: str
    written: str
    has_single: bool

    @classmethod
    @lru_cache(_CACHED)
    def of(cls, raw: str, plain: str) -> "_Known":
        is_hangul = hangul.is_hangul(plain)
        found = [] if is_hangul else skeletons(raw)
        jamo, written = (plain, plain) if plain.isascii() else (hangul.jamo_of(plain), hangul.written(plain))
        disguised = not is_hangul and is_disguised(raw)
        single = bool(hangul.SINGLE.search(plain))
        return cls(plain, *variants(raw, plain), is_hangul, found or [plain], disguised, jamo, written, single)


class _Prefixes:
    """Prefixes of forms, one of each kind, to which the next piece is appended."""

    def __init__(self, edge: Edge) -> None:
        self.plain = ""
        self._is_whole = edge != Edge.INNER
        self._bare = ""
        self._expanded = ""
        self._skeletons = [""]
        self._letters = ""
        self._written = ""
        self._is_disguised = False
        self._has_single = False

    def add(self, piece: Piece) -> None:
        known = _Known.of(piece.raw, piece.plain)
        self.plain += known.plain
        self._bare += known.bare
        self._expanded += known.expanded
        self._skeletons = [_joined(head, known.skeletons[0]) for head in self._skeletons]
        self._letters += known.jamo
        self._written += known.written
        self._is_disguised |= known.is_disguised
        self._has_single |= known.has_single

    def ends(self, piece: Piece, following: Edge) -> Iterator[str]:
        """Yield the forms that end with this piece, or with a prefix of it."""
        known = _Known.of(piece.raw, piece.plain)
        whole = {self.plain + known.plain, self._bare + known.bare, self._expanded + known.expanded}
        if not self._is_whole or following == Edge.INNER:
            yield from (INNER + form for form in whole)
            return
        yield from whole
        if self._is_disguised or known.is_disguised:
            for head in self._skeletons:
                yield from (marked_skeleton(_joined(head, form)) for form in known.skeletons)
        if known.is_hangul:
            yield from self._hangul_ends(known)
        elif self._letters != self.plain:
            yield from self._jamo_forms(known.plain, known.jamo, known.written, self._has_single)

    def _hangul_ends(self, known: _Known) -> Iterator[str]:
        for stem in _stems(known.plain, len(self.plain)):
            yield self.plain + stem
            if hangul.is_particle(known.plain[len(stem) :]):
                yield EXACT + self.plain + stem
            single = self._has_single or (known.has_single and bool(hangul.SINGLE.search(stem)))
            yield from self._jamo_forms(stem, hangul.jamo_of(stem), hangul.written(stem), single)

    def _jamo_forms(self, stem: str, jamo: str, written: str, single: bool) -> Iterator[str]:
        letters = self._letters + jamo
        if single:
            yield letters
            yield self._written + written
        if len(self.plain) + len(stem) >= _NAME and (single or hangul.is_loose(letters)):
            yield hangul.loose(letters)


def _joined(head: str, skeleton: str) -> str:
    """Return the skeleton of two words joined, in which no letter is repeated in a row."""
    return head + (skeleton[1:] if head and skeleton.startswith(head[-1]) else skeleton)


def _stems(plain: str, before: int) -> Iterator[str]:
    """Yield a Hangul piece and its prefixes of two or more syllables; of one or more after two or more letters."""
    yield plain
    least = 1 if before >= _MIN_FORM else _MIN_FORM
    yield from (plain[:length] for length in range(least, min(len(plain), MAX_CHARACTERS)))


def _inside(plain: str) -> Iterator[str]:
    """Yield the stretches of three to eight syllables that begin in the middle of a Hangul word."""
    if hangul.SYLLABLES.fullmatch(plain):
        for first in range(1, min(len(plain), MAX_CHARACTERS) - _NAME + 1):
            end = min(len(plain), first + _LONGEST_INSIDE)
            yield from (plain[first:last] for last in range(first + _NAME, end + 1))


def _without_wedges(read: list[Piece]) -> Iterator[str]:
    """Yield the Hangul of words with one or two foreign letters, or single jamo, inserted between syllables."""
    for _, group in groupby(read, key=lambda piece: piece.word):
        found = [piece.plain for piece in group]
        short = all(len(part) <= _MIN_FORM or hangul.is_hangul(part) for part in found)
        whole = "".join(found)
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
    longest = 1 if hangul.is_hangul(piece.plain) else _MIN_FORM
    return len(piece.plain) <= longest and not is_unspaced(piece.plain)


def _run(run: list[Piece]) -> Iterator[str]:
    """Yield the forms of three to 24 short words joined."""
    for first in range(len(run) - _MIN_FORM):
        prefixes = _Prefixes(Edge.FULL)
        for number, piece in enumerate(run[first : first + _LONGEST_RUN]):
            if number >= _MIN_FORM:
                yield from prefixes.ends(piece, Edge.FULL)
            prefixes.add(piece)


def _reversed(split: list[Piece]) -> Iterator[str]:
    """Yield the one or two words before a comma after the one or two behind it: Roe, Jane."""
    for at, (_, piece) in enumerate(pairwise(split), 1):
        if piece.edge == Edge.COMMA:
            for before in range(1, _LONGEST_REVERSED):
                for after in range(1, _LONGEST_REVERSED):
                    words = split[at : at + after] + split[max(0, at - before) : at]
                    pairs = [variants(word.raw, word.plain) for word in words]
                    yield REVERSED + "".join(bare for bare, _ in pairs)
                    yield REVERSED + "".join(expanded for _, expanded in pairs)


def _ends(read: list[Piece]) -> Iterator[str]:
    """Yield the beginnings and ends of a tag, a handle or a long word in which words are joined: #janeroeleak."""
    for piece in read:
        word = piece.plain
        least = AFFIX_LEAST + 1 if piece.raw[0] in "#@" else _LONG_RUN
        if least <= len(word) <= MAX_CHARACTERS and word.isascii():
            cuts = [at for at in range(1, len(word)) if not word[at - 1].isdigit()]
            yield from (word[:at] for at in cuts if at >= AFFIX_LEAST)
            yield from (word[at:] for at in cuts if len(word) - at >= AFFIX_LEAST)
