"""Two persons at one console: what each sees, undoes and signs."""

from pathlib import Path

import pytest

from streams.console.opening import Opening
from streams.console.site import Site
from streams.rights.person import Person
from streams.rights.settings import Role
from tests.unit.console.made_site import JUNE, MINA, RecordedActions, browser, case, put, token

POST = "at://did:plc:x/app.bsky.feed.post/3k"
JOB = {"post": POST, "case": "case-a"}
OFFICER: frozenset[Role] = frozenset({"officer"})


async def test_a_decision_is_its_persons_alone_until_it_is_written(site: Site, actions: RecordedActions) -> None:
    async with browser(site, identity=MINA) as mina, browser(site, identity=JUNE) as june:
        sent = JOB | {"token": token(site, MINA), "decision": "copy", "seen": "v1"}
        assert (await mina.post("/review/decide", data=sent)).status_code == 303
        assert "Your decision: A copy" in (await mina.get("/reviews")).text
        others = (await june.get("/reviews")).text
        undone = await june.post("/review/undo", data=JOB | {"token": token(site, JUNE)})
        decided = await june.post("/review/decide", data=sent | {"token": token(site, JUNE)})
    assert "Your decision" not in others
    assert POST not in others
    assert (undone.status_code, decided.status_code) == (409, 409)
    await site.decisions.flush()
    assert [label.reviewer for label in actions.labels] == ["mina"]
    assert actions.by == [MINA]


async def test_each_act_is_of_the_person_of_its_session(site: Site, actions: RecordedActions) -> None:
    for identity in (MINA, JUNE):
        async with browser(site, identity=identity) as client:
            assert f"<span>{identity.signature}</span>" in (await client.get("/")).text
            await client.post("/takedowns/takedown-0/approve", data={"token": token(site, identity), "why": "hers"})
    assert actions.by == [MINA, JUNE]


async def test_the_token_of_another_session_sends_no_form(site: Site, actions: RecordedActions) -> None:
    async with browser(site, identity=MINA), browser(site, identity=JUNE) as june:
        answer = await june.post("/takedowns/takedown-0/approve", data={"token": token(site, MINA), "why": "hers"})
    assert (answer.status_code, actions.done) == (403, [])


@pytest.mark.parametrize("name", ["account", "june"])
async def test_an_officer_is_listed_the_cases_of_the_own_account(site: Site, name: str) -> None:
    put(site.store, "cases", case(opened_by="account"), case("case-j", "juniper", opened_by="june"))
    identity = MINA._replace(person=Person(name, OFFICER))
    async with browser(site, identity=identity) as client:
        start = (await client.get("/")).text
        shown = [(await client.get(f"/cases/{one}")).status_code for one in ("case-a", "case-j")]
    assert [word in start for word in ("violet", "juniper")] == [name == "account", name == "june"]
    assert shown == ([200, 403] if name == "account" else [403, 200])


async def test_an_opening_is_shown_to_its_person_alone(site: Site, tmp_path: Path) -> None:
    site.openings._known["account", "d1"] = Opening("d1", "violet", MINA.person, where=str(tmp_path))
    async with browser(site, identity=MINA) as mina, browser(site, identity=JUNE) as june:
        for method in ("GET", "POST"):
            sent = {"token": token(site, JUNE), "answer": "yes"} if method == "POST" else None
            assert (await june.request(method, "/open/d1", data=sent)).status_code == 404
        assert (await mina.get("/open/d1")).status_code == 200
