"""Catalogues of sentences: one YAML file a language in templates/, made to be read and mended by lawyers."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, NamedTuple

import structlog
import yaml

TEMPLATES = files("streams.delivery.notices").joinpath("templates")
FALLBACK = "en"

_SECTION_SIGN = "§\u00a0"
"""A line never breaks between the sign and its number."""

log = structlog.get_logger()


class Catalogue(NamedTuple):
    """Sentences of one language."""

    language: str
    """BCP 47 tag, also the name of the file."""
    name: str
    reviewer: str
    """Who has read every line, a lawyer of that language; empty while nobody has."""
    reviewed: date | None
    """Date of that reading."""
    sentences: Mapping[str, str]
    """Sentences by their dotted path in the file."""

    @property
    def is_reviewed(self) -> bool:
        """Whether a reviewer with a date is named."""
        return bool(self.reviewer) and self.reviewed is not None

    def text(self, key: str, **values: object) -> str:
        """Return a sentence with the words in braces filled in."""
        return self.sentences[key].format(**values)

    def first(self, *keys: str) -> str:
        """Return the sentence of the first key that there is, an empty one if there is none."""
        return next((self.sentences[key] for key in keys if key in self.sentences), "")


def languages() -> list[str]:
    """Return the languages that have a catalogue."""
    return sorted(file.name.removesuffix(".yaml") for file in TEMPLATES.iterdir() if file.name.endswith(".yaml"))


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language, of English with a warning where there is none or it lacks a sentence.

    A notice in two languages at once would be worse than one in another language. Each warning is logged once.
    """
    tag = language.strip().replace("_", "-").lower().partition("-")[0]
    problem = f"no catalogue {tag}.yaml" if tag not in languages() else _defect(read_catalogue(tag))
    if problem:
        log.warning("notices in English instead", language=language, reason=problem)
        tag = FALLBACK
    return _reported(tag)


@cache
def read_catalogue(language: str) -> Catalogue:
    """Return the catalogue in a language's file."""
    document = yaml.safe_load(TEMPLATES.joinpath(f"{language}.yaml").read_text("utf-8"))
    header = {field: document.pop(field, "") for field in ("language", "name", "reviewer", "reviewed")}
    reviewed = header.pop("reviewed")
    return Catalogue(
        **header, reviewed=reviewed if isinstance(reviewed, date) else None, sentences=dict(_flat(document))
    )


def placeholders(sentence: str) -> set[str]:
    """Return the words in braces of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@cache
def _reported(language: str) -> Catalogue:
    found = read_catalogue(language)
    if not found.is_reviewed:
        log.warning("texts of notices not reviewed by a lawyer", language=language, file=f"templates/{language}.yaml")
    return found


def _defect(found: Catalogue) -> str:
    """Return what a catalogue lacks beside the English one, empty if nothing."""
    for key, sentence in read_catalogue(FALLBACK).sentences.items():
        if key not in found.sentences:
            return f"{found.language}.yaml lacks {key}"
        if placeholders(found.sentences[key]) != placeholders(sentence):
            return f"{found.language}.yaml: {key} needs the placeholders {sorted(placeholders(sentence))}"
    return ""


def _flat(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", str(value).replace("§ ", _SECTION_SIGN)
