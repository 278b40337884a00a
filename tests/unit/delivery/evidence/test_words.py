"""Words of packs: the same in both languages, and one for each value of the messages."""

from string import Formatter
from typing import get_args

import pytest

from schemas.messages import CaseKind, DeliveryKind, DeliveryOutcome, FilerRole, Law, Modality, RemovalKind, State
from streams.delivery.evidence.hashed_events import Check
from streams.delivery.evidence.words import LANGUAGES, Language, words

WORDS_OF = {
    "state": State, "outcome": DeliveryOutcome, "step": DeliveryKind, "kind": CaseKind, "law": Law, "role": FilerRole,
    "modality": Modality, "label": Modality, "removal": RemovalKind, "check": Check,
}  # fmt: skip


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_words_with_the_same_placeholders() -> None:
    ko, en = words("ko").texts, words("en").texts
    assert ko.keys() == en.keys()
    assert {key for key in ko if placeholders(ko[key]) != placeholders(en[key])} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", WORDS_OF)
def test_every_value_has_words(language: Language, kind: str) -> None:
    for value in get_args(WORDS_OF[kind]):
        assert words(language)(f"{kind}_{value}")


def test_korean_words_are_korean() -> None:
    latin_alone = {key for key, text in words("ko").texts.items() if not any("가" <= c <= "힣" for c in text)}
    assert latin_alone == {"language"}
