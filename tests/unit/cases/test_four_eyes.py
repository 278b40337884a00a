"""Four-eyes rule: who may confirm a case, and what a confirmation covers."""

import pytest

from schemas.messages import Standing, StandingKind
from streams.cases.four_eyes import Confirmation, confirmation_of, is_second_person, unconfirmed
from tests.unit.made_messages import NOW

BOTH = {"r1", "r2"}


def standing(kind: StandingKind = "confirmed", account: str = "lee") -> Standing:
    return Standing(
        case_id="case-a", reference_id="", standing=kind, why="", by="desk", at=NOW, account=account, references=["r1"]
    )


def test_only_the_references_that_a_second_person_saw_are_confirmed() -> None:
    assert unconfirmed("kim", confirmation_of(standing()), BOTH) == {"r2"}


@pytest.mark.parametrize(
    "confirmation",
    [None, confirmation_of(standing(account="kim")), confirmation_of(standing(account="")), confirmation_of(None)],
)
def test_nothing_is_confirmed_by_nobody_by_the_opener_or_by_an_unknown_account(
    confirmation: Confirmation | None,
) -> None:
    assert unconfirmed("kim", confirmation, BOTH) == BOTH


def test_a_withdrawn_confirmation_confirms_nothing() -> None:
    assert confirmation_of(standing("withdrawn")) is None


@pytest.mark.parametrize(
    ("opened_by", "account", "may"),
    [("kim", "lee", True), ("kim", "kim", False), ("kim", "", False), ("", "lee", True), ("", "", False)],
)
def test_the_second_person_is_known_and_another(opened_by: str, account: str, may: bool) -> None:
    assert is_second_person(opened_by, account) is may
