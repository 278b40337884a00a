"""Rights in the console: each role, and none, on each route, on own cases and on those of others."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from streams.console.app import create_app
from streams.console.scope import of_job, of_listed, of_nobody
from streams.console.site import Site
from streams.rights.settings import ROLES, Role
from streams.rights.table import MACHINE, RIGHTS, Right
from tests.unit.console.made_site import RecordedActions, browser, case, fill, found, made_site, put, token, waiting

POST = "at://did:plc:x/app.bsky.feed.post/3k"
LEFT_OUT = {"/live/events", "/cases/{case_id:str}/search/events", "/leave"}
"""The streams, which do not end, and the way out, after which nothing is asked."""
IDS = {
    "case_id": "case-a",
    "takedown_id": "takedown-0",
    "reference_id": "r1",
    "letter_id": "letter-1",
    "step_id": "sent",
}
JOB = {"post": POST, "case": "case-a"}


@contextmanager
def site_of(folder: Path, role: Role | None, owner: str) -> Iterator[tuple[Site, RecordedActions]]:
    """Yield the site of the person `account`, with a case of this owner."""
    with made_site(folder=folder, roles=[role] if role else []) as (site, actions):
        fill(site.store)
        put(site.store, "cases", case(opened_by=owner))
        yield site, actions


@pytest.mark.parametrize("owner", ["account", "june", ""])
@pytest.mark.parametrize("role", [*ROLES, None])
async def test_a_role_sees_and_does_what_the_table_of_rights_gives(
    role: Role | None, owner: str, tmp_path: Path
) -> None:
    with site_of(tmp_path, role, owner) as (site, actions):
        async with browser(site) as client:
            for method, path, handler in handlers(site):
                if path in LEFT_OUT:
                    continue
                sent = {"token": token(site), **JOB} if method == "POST" else None
                address = re.sub(r"{([a-z_]+)[^}]*}", lambda one: IDS.get(one[1], "x"), path)
                answer = await client.request(method, f"{address}?{urlencode(JOB)}", data=sent)
                may = may_use(handler, role, is_own=owner == "account")
                assert ("You have no right" in answer.text) is not may, (path, answer.text)
                assert may or answer.status_code == 403, path
    allowed = {"approve": "send", "redrive": "redrive", "pack": "evidence", "check": "extend"}
    scopes = {RIGHTS[cast("Right", allowed[act[0]])].scope(role) for act in actions.done} if role else set()
    assert role or actions.done == []
    assert scopes <= ({"all", "own"} if owner == "account" else {"all"})


def may_use(handler: HTTPRouteHandler, role: Role | None, *, is_own: bool) -> bool:
    """Return what the table of rights answers for a route: a list shows a person's own cases."""
    right, owner_of = handler.opt["right"], handler.opt.get("owner", of_nobody)
    scope = "all" if right == MACHINE else RIGHTS[cast("Right", right)].scope(role) if role else ""
    return scope == "all" or (scope == "own" and (owner_of is of_listed or (is_own and owner_of is not of_nobody)))


def test_every_route_names_its_right_and_how_the_owner_of_its_case_is_found(site: Site) -> None:
    found = list(handlers(site))
    assert len(found) > 20
    for method, path, handler in found:
        right: Any = handler.opt.get("right")
        assert right == MACHINE or right in RIGHTS, f"{method} {path} names no right"
        scopes = {RIGHTS[right].scope(role) for role in ROLES} if right != MACHINE else set()
        assert "own" not in scopes or "owner" in handler.opt, f"{method} {path} does not name its case's owner"
        assert not handler.opt.get("owner") or "{" in path or handler.opt["owner"] in {of_listed, of_job}, path


def test_the_routes_of_nobodys_right_are_the_entrance_alone(site: Site) -> None:
    public = {path for _, path, handler in handlers(site) if handler.opt["right"] == MACHINE}
    assert public == {"/enter/{link:str}", "/static/{name:str}"}


def handlers(site: Site) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Yield method, path and handler of each route."""
    for route in create_app(site).routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                yield str(method), route.path, handler


async def test_an_officer_is_listed_own_cases_only(tmp_path: Path) -> None:
    with site_of(tmp_path, "officer", "account") as (site, _):
        put(site.store, "takedowns", found(7, case_id="case-m", state="held"))
        put(site.store, "verdicts", waiting(case_id="case-m", verdict_id="other"))
        async with browser(site) as client:
            start, queue = (await client.get("/")).text, (await client.get("/reviews")).text
            job = (await client.get(f"/review?{urlencode(JOB)}")).text
            takedowns = (await client.get("/takedowns")).text
            following = (await client.get("/reviews/next")).headers["location"]
    assert "violet" in start
    assert "Posts to decide on: 1" in start
    assert "Open cases: 1" in start
    assert "Takedowns held: 1" in start
    assert "Dead letters" not in start
    assert [("maple" in page) for page in (start, queue, takedowns)] == [False] * 3
    assert "takedown-0" in takedowns
    assert "takedown-7" not in takedowns + job
    assert "case-m" not in job + following


@pytest.mark.parametrize(("owner", "status"), [("account", 303), ("june", 403)])
async def test_an_officer_erases_a_reference_of_an_own_case_only(owner: str, status: int, tmp_path: Path) -> None:
    with site_of(tmp_path, "officer", owner) as (site, actions):
        async with browser(site) as client:
            sent = {"token": token(site), "why": "hers", "standing": "withdrawn"}
            answer = await client.post("/cases/case-a/references/r1", data=sent)
            assert answer.status_code == status
            assert len(actions.done) == int(owner == "account")
            assert (await client.post("/cases/case-a/references/r1", data=sent | {"standing": "confirmed"})).is_redirect


async def test_a_name_sent_twice_reaches_no_case_of_another(tmp_path: Path) -> None:
    with site_of(tmp_path, "officer", "account") as (site, _):
        async with browser(site) as client:
            for order in (("case-m", "case-a"), ("case-a", "case-m")):
                query = urlencode([("post", "post-m"), *(("case", one) for one in order)])
                assert (await client.get(f"/review?{query}")).status_code == 403


async def test_a_route_that_names_no_owner_is_refused_where_own_cases_alone_may_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_owners(site: Site) -> Litestar:
        app = create_app(site)
        for route in app.routes:
            for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
                handler.opt.pop("owner", None)
        return app

    monkeypatch.setattr("tests.unit.console.made_site.create_app", without_owners)
    with site_of(tmp_path, "officer", "account") as (site, _):
        async with browser(site) as client:
            for path in ("/", "/cases/case-a", "/reviews", "/takedowns/takedown-0"):
                assert (await client.get(path)).status_code == 403
