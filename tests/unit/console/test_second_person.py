"""A case that waits for its second person: who sees that it waits, who may confirm it, and what is recorded."""

from typing import Any, cast

import msgspec
import pytest

from schemas.messages import Standing
from streams.console import actions as acts
from streams.console.actions import Actions
from streams.console.site import Site
from streams.console.store.store import FollowedStore
from streams.desk.confirm_case import CaseConfirmation
from streams.desk.reviewing import ReviewRequest
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.settings import load_settings
from tests.unit.console.made_site import (
    FOUR_EYES,
    RecordedActions,
    ago,
    browser,
    case,
    piece,
    put,
    token,
)


def confirmed(by: str, *references: str) -> tuple[str, Standing]:
    """Return the confirmation of the case that waits."""
    return "case-w", Standing(
        case_id="case-w", reference_id="", standing="confirmed", why="hers", by="p", at=ago(hours=1), account=by,
        references=list(references),
    )  # fmt: skip


async def test_a_case_that_waits_says_so_and_for_whom(site: Site) -> None:
    async with browser(site) as client:
        start, page = (await client.get("/")).text, (await client.get("/cases/case-w")).text
        listed = (await client.get("/unconfirmed")).text
    assert "Cases that wait for their second person: 1" in start
    assert "It was opened 9 d ago by june" in page
    assert 'action="/cases/case-w/confirm"' in page
    assert "willow" in listed
    assert "violet" not in listed


async def test_who_opened_a_case_is_told_that_another_person_confirms_it(site: Site) -> None:
    put(site.store, "cases", case("case-w", "willow", policy=FOUR_EYES, opened_by="account"))
    async with browser(site) as client:
        for path in ("/cases/case-w", "/cases/case-w/confirm"):
            html = (await client.get(path)).text
            assert "another person has to confirm it" in html
            assert 'action="/cases/case-w/confirm"' not in html


async def test_a_confirmation_needs_a_reason_and_a_case_that_waits(made: tuple[Site, RecordedActions]) -> None:
    site, actions = made
    async with browser(site) as client:

        async def confirm(case_id: str, why: str) -> int:
            sent = {"token": token(site), "why": why}
            return (await client.post(f"/cases/{case_id}/confirm", data=sent)).status_code

        assert await confirm("case-w", " ") == 409
        assert await confirm("case-a", "hers") == 409
        assert await confirm("none", "hers") == 404
        assert actions.done == []
        assert await confirm("case-w", " hers ") == 303
        put(site.store, "standings", confirmed("account", "reference-1"))
        assert await confirm("case-w", "hers") == 409
    assert actions.done == [("confirm_case", "case-w", "hers")]


@pytest.mark.parametrize(
    ("by", "references", "waits"),
    [
        ("mina", ["reference-1"], False),
        ("june", ["reference-1"], True),
        ("", ["reference-1"], True),
        ("mina", [], True),
    ],
)
def test_a_case_waits_until_another_account_has_confirmed_its_references(
    site: Site, by: str, references: list[str], waits: bool
) -> None:
    assert site.store.cases.waits("case-w")
    put(site.store, "standings", confirmed(by, *references))
    assert site.store.cases.waits("case-w") is waits
    assert site.store.cases.count_waiting()[0] == int(waits)


def test_a_reference_that_is_added_lets_its_case_wait_again_and_an_erased_case_waits_no_more(site: Site) -> None:
    cases = site.store.cases
    put(site.store, "standings", confirmed("mina", "reference-1"))
    assert [row.case_id for row in cases.waiting()] == []
    key, entry = piece("case-w")
    assert entry.reference is not None
    added = msgspec.structs.replace(entry.reference, reference_id="reference-2")
    put(site.store, "cases", ("case-w/reference-2", msgspec.structs.replace(entry, reference=added)))
    assert [row.case_id for row in cases.waiting()] == ["case-w"]
    put(site.store, "cases", (key, None), ("case-w/reference-2", None), ("case-w", None))
    assert cases.count_waiting() == (0, None)


async def test_the_desk_confirms_for_the_account_after_the_act_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, Any]] = []

    def record(name: str) -> None:
        monkeypatch.setattr(acts, name, lambda _, request: done.append((name, request)))

    for name in ("confirm_case", "confirm_reference", "withdraw_reference"):
        record(name)
    monkeypatch.setattr("streams.audit.acting.write_act", lambda _, *fields: done.append(("act", fields)))
    actions = Actions(load_settings(), cast("FollowedStore", ReadAtOnce()), Person("account", frozenset(ROLES)), "mina")
    await actions.confirm_case("c", "hers")
    await actions.confirm_reference("c", "r", "hers")
    await actions.withdraw_reference("c", "r", "hers")
    act = ("account", "hers", "as mina")
    assert done == [
        ("act", ("confirm", "c", *act)),
        ("confirm_case", CaseConfirmation("c", "account", "mina", "hers")),
        ("act", ("confirm", "c/r", *act)),
        ("confirm_reference", ReviewRequest("c", "r", "mina", "hers", "account")),
        ("act", ("withdraw", "c/r", *act)),
        ("withdraw_reference", ReviewRequest("c", "r", "mina", "hers", "account")),
    ]


class ReadAtOnce:
    """Store that has read everything."""

    async def current(self, *topics: str) -> None:
        assert "standings" in topics
