"""Catalogues: the same words in every language, and each word used."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from schemas.messages import CaseKind, DeliveryKind, DeliveryOutcome, LabelDecision, Modality, StandingKind, State
from streams.audit.trusted_keys import Fault
from streams.console.words import CATALOGUES, languages, preferred, words
from streams.delivery.plan import Kind
from streams.desk.case_report import ReferenceKind
from streams.desk.concerns import SENTENCES
from streams.desk.search.platform import Reason
from streams.rights.table import Right
from streams.topology import OPTIONAL, STAGES

CONSOLE = Path(str(CATALOGUES)).parent
USED = re.compile(r"""\bt\(\s*"([a-z_.]+)"|\bt\(\s*'([a-z_.]+)'|key[^=\n]*= "([a-z_]+\.[a-z_]+)\"""")
GROUPS: dict[str, object] = {
    "state": State, "next_step": State, "delivery_kind": DeliveryKind, "outcome": DeliveryOutcome, "kind": CaseKind,
    "decision": LabelDecision, "modality": Modality, "standing": StandingKind, "reference_kind": ReferenceKind,
    "expected": Kind, "fault_of_signature": Fault, "right": Right, "search_wait": Reason,
}  # fmt: skip


def values(literal: object) -> tuple[str, ...]:
    return get_args(getattr(literal, "__value__", literal))


def test_every_language_has_the_same_words_with_the_same_values() -> None:
    assert languages() == ("en", "ko")
    english, korean = words("en").sentences, words("ko").sentences
    assert english.keys() == korean.keys()
    for key, sentence in english.items():
        names = [{name for _, name, _, _ in Formatter().parse(one) if name} for one in (sentence, korean[key])]
        assert names[0] == names[1], key


@pytest.mark.parametrize("group", GROUPS)
def test_every_value_of_the_messages_has_a_word(group: str) -> None:
    assert {f"{group}.{value}" for value in values(GROUPS[group])} <= words("ko").sentences.keys()


def test_every_concern_about_a_case_has_a_sentence_with_the_same_values() -> None:
    for slug, sentence in SENTENCES.items():
        for language in languages():
            names = [
                {name for _, name, _, _ in Formatter().parse(one) if name}
                for one in (sentence, words(language).sentences[f"concern.{slug}"])
            ]
            assert names[0] == names[1], (language, slug)


def test_every_stage_has_a_word() -> None:
    assert {f"stage.{stage}" for stage in (*STAGES, *OPTIONAL)} <= words("ko").sentences.keys()


def test_every_word_that_the_console_names_exists() -> None:
    sources = [*CONSOLE.rglob("*.py"), *CONSOLE.rglob("*.jinja")]
    named = {next(filter(None, found)) for file in sources for found in USED.findall(file.read_text("utf-8"))}
    assert len(named) > 100
    whole = {name for name in named if "." in name and not name.endswith(".")}  # others are put together
    assert whole - words("en").sentences.keys() == set()


def test_no_word_is_left_that_nothing_uses() -> None:
    text = "\n".join(file.read_text("utf-8") for file in [*CONSOLE.rglob("*.py"), *CONSOLE.rglob("*.jinja")])
    composed = (
        *GROUPS,
        "reason",
        "reason_part",
        "unread",
        "family_decision",
        "concern",
        "erasure_step",
        "stage",
        "nav",
        "keys",
        "letters",
        "fault",
        "views",
    )
    unused = [
        key for key in words("en").sentences if key not in text and not key.startswith(tuple(f"{g}." for g in composed))
    ]
    assert unused == []


def test_the_browsers_language_is_taken_where_there_is_a_catalogue() -> None:
    assert preferred("fr-FR, ko;q=0.9, en;q=0.8") == "ko"
    assert preferred("") == preferred("fr") == "en"
