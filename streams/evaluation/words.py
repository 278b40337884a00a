"""`jikimi evaluate words`: which names are found in texts, and how often ordinary texts lead to a review by chance.

A case has one term; a text leads to a review if it names the term surely. Texts come from a folder with one folder a
language (en, de, ...) of .html and .mo files, such as unpacked packages of help texts and translations.
"""

import gettext
import re
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from models.text.terms import digests, named, term_digests
from streams.evaluation.names_in_texts import Line, languages, lines, terms

_KEY = b"a set to evaluate on keeps no secrets"
_LENGTHS = range(20, 201)
"""Letters of a post."""
_BLOCK = re.compile(r"<(?:p|td|th|li|h[1-6]|div|br)\b[^>]*>|</(?:p|td|th|li|h[1-6]|div)>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style|head|header)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_PER = 100_000


class LanguageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one language."""

    language: str
    names: int
    """Texts that name somebody."""
    found: int
    others: int
    """Texts that name somebody else."""
    found_wrongly: int
    posts: int
    """Innocent texts, each searched for every name and common word of the language."""
    terms: int
    reviews: int
    """Innocent texts that lead to a review, of all cases together."""
    missed: list[str]
    """Kinds of texts in which a name is missed."""

    @property
    def recall(self) -> float:
        """Share of names found."""
        return self.found / self.names

    @property
    def reviews_per_100_000(self) -> float:
        """False reviews of one case in 100,000 innocent posts; NaN without any post."""
        return _PER * self.reviews / (self.posts * self.terms) if self.posts else float("nan")


def measure_words(innocent: Path | None, most: int) -> list[LanguageFigures]:
    """Return the figures of every language, with at most so many innocent texts each."""
    known = list(lines())
    return [
        _figures(language, [line for line in known if line.language == language], _texts(innocent, language, most))
        for language in languages()
    ]


def print_words(figures: Sequence[LanguageFigures], console: Console) -> None:
    """Print a table, and what was missed."""
    table = Table("language", "names found", "other names found", "innocent posts", "false reviews per 100,000")
    for one in figures:
        share, wrong = f"{one.recall:.3f} of {one.names}", f"{one.found_wrongly} of {one.others}"
        table.add_row(one.language, share, wrong, f"{one.posts:,}", f"{one.reviews_per_100_000:.1f}")
    console.print(table)
    for one in figures:
        if one.missed:
            console.print(f"missed in {one.language}: {', '.join(one.missed)}", soft_wrap=True)


def _figures(language: str, known: Sequence[Line], innocent: Sequence[str]) -> LanguageFigures:
    searched = {term: term_digests(term, _KEY) for term in terms(language)}
    hits = [(line, named(searched[line.term], digests(line.text, _KEY)).surely > 0) for line in known]
    found = [digests(text, _KEY) for text in innocent]
    return LanguageFigures(
        language=language,
        names=sum(line.names_it for line in known),
        found=sum(line.names_it and hit for line, hit in hits),
        others=sum(not line.names_it for line in known),
        found_wrongly=sum(not line.names_it and hit for line, hit in hits),
        posts=len(innocent),
        terms=len(searched),
        reviews=sum(named(term, text).surely > 0 for text in found for term in searched.values()),
        missed=sorted({line.kind for line, hit in hits if line.names_it and not hit}),
    )


def _texts(folder: Path | None, language: str, most: int) -> list[str]:
    found: dict[str, None] = {}
    for file in sorted((folder / language).rglob("*")) if folder else ():
        found |= {text: None for text in _paragraphs(file) if len(text) in _LENGTHS}
    # Spread over all files, the same in each run.
    return list(found)[:: max(1, len(found) // most)][:most] if found else []


def _paragraphs(file: Path) -> Iterator[str]:
    if file.suffix == ".html":
        page = _HIDDEN.sub("", file.read_text("utf-8", "replace"))
        yield from (" ".join(unescape(_TAG.sub("", block)).split()) for block in _BLOCK.split(page))
    elif file.suffix == ".mo":
        with file.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined] # noqa: SLF001
        yield from (" ".join(text.split()) for text in catalogue.values())
