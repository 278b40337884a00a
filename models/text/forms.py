"""Normal forms of a term: a text that has one of them names the term.

Each form is strong or weak: a form that ordinary text may hit by chance, or that stands for many names, is weak and no
proof by itself.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from models.text import hangul
from models.text.chance import Chance, chance_of
from models.text.declined import declined
from models.text.lookalikes import skeletons, wider
from models.text.marked import AFFIX_LEAST, EXACT, INNER, MAX_CHARACTERS, REVERSED, SHORT, STRONG_SKELETON
from models.text.marked import marked_skeleton as _marked
from models.text.parts import is_unspaced
from models.text.romanise import SURNAMES, readings, spellings, surname_and_given
from models.text.variants import once, variants
from models.text.words import VOWEL_MARKS, plain, visible

_NAME = 3
"""Least syllables of a Hangul term that is also found in the middle of a word, abbreviated, or drawn out."""
_LONGEST_ABBREVIATED = 4
_STRONG_SPELLING = 7
_CERTAIN_READINGS = 4
_LONGEST_REVERSED = 4
_PROCLITICS = {"ء": "وفبلك", "א": "והבלמשכ"}
"""Letters written before a word as part of it, by the first letter of their script."""
_LAST_OF_SCRIPT = {"ء": "ۿ", "א": "ת"}


class Strength(IntEnum):
    """Strength of a form as evidence of its term."""

    WEAK = 0
    STRONG = 1


class Word(NamedTuple):
    """One word of a term."""

    raw: str
    plain: str


def words_of(term: str) -> list[Word]:
    """Return the words of a term; of "Roe, Jane" those behind the comma first."""
    shown = visible(term)
    last, comma, first = shown.partition(",")
    if comma and plain(first) and "," not in first:
        shown = f"{first} {last}"
    return [Word(raw, normal) for raw in shown.split() if (normal := plain(raw))]


def term_forms(term: str) -> dict[str, Strength]:
    """Return the forms of a term of at most five words; its plain form first."""
    words = words_of(term)
    whole = "".join(word.plain for word in words)
    forms = {whole: Strength.STRONG}
    if hangul.SYLLABLES.fullmatch(whole):
        _add(forms, _hangul_forms(whole))
    elif is_unspaced(whole):
        _add(forms, _unspaced_forms(words))
    elif not hangul.SYLLABLES.search(whole):
        _add(forms, _spaced_forms(words))
    weak = _weak_forms(words, whole)
    return {form: min(strength, weak(form)) for form, strength in forms.items() if len(form) <= MAX_CHARACTERS}


def chance_of_term(term: str) -> Chance:
    """Return whether ordinary text often has a term's letters."""
    return chance_of(_spellings_of(words_of(term))[:2])


def _weak_forms(words: list[Word], whole: str) -> Callable[[str], Strength]:
    """Return the most that each form proves: less if ordinary text has it by chance."""
    chance = chance_of(_spellings_of(words)[:2])
    weak = {whole} if hangul.is_hangul(whole) else set()
    if chance.is_common:
        return lambda _: Strength.WEAK
    if chance.is_common_inside:
        return lambda form: Strength(form not in weak and not form.startswith(INNER))
    return lambda _: Strength.STRONG


def _add(forms: dict[str, Strength], others: Iterator[tuple[str, Strength]]) -> None:
    for form, strength in others:
        forms[form] = max(strength, forms.get(form, strength))


def _hangul_forms(name: str) -> Iterator[tuple[str, Strength]]:
    letters = hangul.jamo_of(name)
    is_name = len(name) >= _NAME
    yield EXACT + name, Strength.STRONG
    yield letters, Strength.STRONG
    yield hangul.typed_latin(name), Strength(is_name)
    if is_name:
        yield hangul.loose(letters), Strength.STRONG
        yield from ((form, Strength.STRONG) for form in hangul.swapped(letters))
        short = hangul.abbreviated(name) if len(name) <= _LONGEST_ABBREVIATED else {hangul.initials(name)}
        yield from ((form, Strength.WEAK) for form in short)
        yield from ((form, Strength.STRONG) for form in _half_spelt(name))
    for spelling in spellings(name):
        strength = Strength(is_name and len(spelling) >= _STRONG_SPELLING)
        if len(spelling) > _NAME:
            yield spelling, strength
            yield INNER + spelling, strength
            yield from ((form, min(strength, best)) for form, best in _skeleton_forms(spelling))


def _half_spelt(name: str) -> Iterator[str]:
    """Yield the name with surname or given name in Latin letters: 김minji, kim민지."""
    for surname, given in surname_and_given(name):
        if surname:
            for spelling in spellings(given):
                yield from (surname + spelling, spelling + surname)
            for spelling in SURNAMES[surname]:
                yield from (spelling + given, given + spelling)


def _unspaced_forms(words: list[Word]) -> Iterator[tuple[str, Strength]]:
    """Yield the forms of a Chinese, Japanese, Thai, Lao, Khmer or Burmese term; two characters are in many words."""
    for spelling in _spellings_of(words):
        is_full = len(spelling) >= _NAME
        yield spelling, Strength.STRONG
        yield INNER + spelling, Strength(is_full)
    if any(not VOWEL_MARKS.isdisjoint(word.raw) for word in words):
        yield "".join(word.plain for word in words), Strength.STRONG


def _spaced_forms(words: list[Word]) -> Iterator[tuple[str, Strength]]:
    """Yield the forms of a term in a script with blanks."""
    for spelling in _spellings_of(words):
        is_long = len(spelling) >= AFFIX_LEAST
        yield spelling, Strength.STRONG
        yield INNER + spelling, Strength(is_long and (len(words) > 1 or not spelling.isalpha()))
        yield from _skeleton_forms(spelling)
        if len(words) > 1:
            yield from ((form, Strength.STRONG) for form in _attached(spelling))
        yield from ((form, Strength(len(form) >= STRONG_SKELETON)) for form in wider(spelling))
    yield from ((form, Strength.STRONG) for form in _turned(words))
    yield from _side_by_side(words)
    yield from ((form, Strength.WEAK) for form in _declined(words))
    yield from _korean_forms([word.plain for word in words])


def _korean_forms(words: list[str]) -> Iterator[tuple[str, Strength]]:
    whole = "".join(words)
    if whole.isascii() and whole.isalpha() and len(whole) > _NAME:
        yield hangul.typed_hangul(whole), Strength(len(whole) >= STRONG_SKELETON)
    names = readings(words)
    certain = len(names) <= _CERTAIN_READINGS
    yield from ((name, Strength(certain and len(name) >= _NAME)) for name in names)


def _spellings_of(words: list[Word]) -> list[str]:
    pairs = [variants(word.raw, word.plain) for word in words]
    whole = "".join(word.plain for word in words)
    found = [whole, "".join(bare for bare, _ in pairs), "".join(expanded for _, expanded in pairs)]
    if len(words) > 1 and found[1].isascii():
        found.append(once(found[1]))
    return list(dict.fromkeys(found))


def _attached(spelling: str) -> Iterator[str]:
    """Yield a name with what some languages write as part of it: a genitive's s, a preposition's letter."""
    if spelling.isascii():
        yield spelling + "s"
    for first, letters in _PROCLITICS.items():
        if first <= spelling[0] <= _LAST_OF_SCRIPT[first]:
            yield from (letter + spelling for letter in letters)


def _turned(words: list[Word]) -> Iterator[str]:
    """Yield the form of a name whose last words stand before a comma, and its first behind it."""
    if 1 < len(words) <= _LONGEST_REVERSED:
        pairs = [variants(word.raw, word.plain) for word in words]
        yield from (REVERSED + "".join(parts) for parts in zip(*pairs, strict=True))


def _side_by_side(words: list[Word]) -> Iterator[tuple[str, Strength]]:
    """Yield a name with its last word first, or its first word last, and no comma: Roe Jane."""
    if 1 < len(words) <= _LONGEST_REVERSED:
        for turned in (words[-1:] + words[:-1], words[1:] + words[:1]):
            common = chance_of(_spellings_of(turned)[:2]).is_common
            yield from ((spelling, Strength(not common)) for spelling in _spellings_of(turned))


def _declined(words: list[Word]) -> Iterator[str]:
    """Yield the declined forms of a name that are not common words, unless the name itself is one."""
    pairs = [(word.plain, variants(word.raw, word.plain)[0]) for word in words]
    is_common = chance_of(_spellings_of(words)[:2]).is_common
    yield from (form for form in declined(pairs) if is_common or not chance_of([form]).is_common)


def _skeleton_forms(word: str) -> Iterator[tuple[str, Strength]]:
    for form in map(_marked, skeletons(word)):
        if form:
            yield form, Strength(len(form) >= STRONG_SKELETON and form[0] != SHORT)
