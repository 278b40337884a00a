"""Catalogues of the console's words: one YAML file a language in catalogues/."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import yaml

from streams.errors import UsageError

CATALOGUES = files("streams.console").joinpath("catalogues")
FALLBACK = "en"


class RefusalError(UsageError):
    """A person's mistake, in a whole sentence of the catalogue."""


class Words:
    """Words of one language; a key that is missing is a fault, which a test finds."""

    def __init__(self, language: str, sentences: Mapping[str, str]) -> None:
        self.language = language
        self.sentences = sentences

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with the words in braces filled in."""
        return self.sentences[key].format(**values)

    def filled(self, key: str, values: Mapping[str, str]) -> str:
        """Return a sentence with these words filled in."""
        return self(key, **values)

    def of(self, group: str, slug: str) -> str:
        """Return the word of a slug in a group; the slug itself if a later version added it."""
        return self.sentences.get(f"{group}.{slug}", slug.replace("_", " "))


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(
        sorted(file.name.removesuffix(".yaml") for file in CATALOGUES.iterdir() if file.name.endswith(".yaml"))
    )


@cache
def words(language: str) -> Words:
    """Return the words of a language that has a catalogue, else of English."""
    known = language if language in languages() else FALLBACK
    text = CATALOGUES.joinpath(f"{known}.yaml").read_text("utf-8")
    return Words(known, dict(_flat(yaml.safe_load(text))))


def preferred(accept_language: str) -> str:
    """Return the first language of a browser's list that has a catalogue."""
    for tag in accept_language.split(",")[:20]:
        language = tag.partition(";")[0].strip().lower().partition("-")[0]
        if language in languages():
            return language
    return FALLBACK


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
