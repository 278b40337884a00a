"""Words of evidence packs, one file a language."""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = ("ko", "en")


class Words:
    """Words of one language by key."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.texts: dict[str, str] = yaml.safe_load(files(__name__).joinpath(f"{language}.yaml").read_text("utf-8"))

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with its placeholders filled in."""
        return self.texts[key].format(**values) if values else self.texts[key]


@cache
def words(language: Language) -> Words:
    """Return the words of a language."""
    return Words(language)
