"""Pages of the console: what each shows, and what none may show."""

import re
from urllib.parse import urlencode

import pytest

from schemas.messages import Interval, Label
from streams.console.app import create_app
from streams.console.sessions import Identity
from streams.console.site import Site
from streams.console.words import languages
from tests.unit.console.made_site import (
    EVIL,
    RecordedActions,
    ago,
    browser,
    case,
    evidence,
    found,
    put,
    token,
    waiting,
)

POST = "at://did:plc:x/app.bsky.feed.post/3k"
JOB = f"/review?{urlencode({'post': POST, 'case': 'case-a'})}"
FAMILY = f"/review/family?{urlencode({'post': POST, 'case': 'case-a'})}"
LOOK = f"/review/look?{urlencode({'post': POST, 'case': 'case-a', 'match': 0})}"
QUARANTINE = "/cases/case-a/references/reference-1"
PAGES = [
    "/", "/cases/case-a", "/cases/case-a/withdraw", "/reviews", JOB, "/takedowns", "/takedowns?state=sent&overdue=1",
    "/takedowns/takedown-0", "/live", "/open", "/unconfirmed", "/cases/case-w",
    "/cases/case-w/confirm", "/keys", FAMILY, LOOK, QUARANTINE, "/takedowns/takedown-0/notices/sent",
    "/takedowns?state=sent", "/dead-letters", "/dead-letters?state=all&page=0", "/cases/case-a/extend",
    "/cases/case-a/checks", "/erasures",
    "/erasures/case-y", "/erasures/case-z",
]  # fmt: skip


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_whole_small_and_free_of_scripts_and_pictures(site: Site, path: str, language: str) -> None:
    async with browser(site, language=language) as client:
        shown = await client.get(path)
    html = shown.text
    assert shown.status_code == 200
    assert f'<html lang="{language}">' in html
    assert len(shown.content) < 60_000
    assert EVIL not in html
    assert "alert(1)</script>" not in html
    assert not re.search(r'(?:src|href)="(?!/)(?!#)(?!https://bsky\.example)', html)
    assert not re.search(r" style=| on[a-z]+=|<style|<img|<video|data:|JFIF|\xff", html)
    assert re.findall(r'src="([^"]+)"', html) == ["/static/console.js"]


async def test_without_a_session_no_page_is_served(site: Site) -> None:
    paths = {route.path for route in create_app(site).routes} - {"/static/{name:str}", "/enter/{link:str}"}
    async with browser(site, signed_in=False) as client:
        for path in paths:
            for method in ("GET", "POST"):
                answer = await client.request(method, re.sub(r"{[^}]+}", "x", path))
                assert answer.status_code == 401, path


async def test_a_form_without_its_token_is_refused(site: Site, actions: RecordedActions) -> None:
    posts = {route.path for route in create_app(site).routes if "POST" in getattr(route, "methods", ())}
    assert len(posts) >= 9
    async with browser(site) as client:
        for path in posts:
            for sent in ({}, {"token": "wrong"}):
                answer = await client.post(re.sub(r"{[^}]+}", "x", path), data=sent)
                assert answer.status_code == 403, path
    assert (actions.done, actions.labels) == ([], [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8082"}, 421),
        ({"host": "127.0.0.1:9999"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_another_name_or_another_site_is_refused(
    site: Site, actions: RecordedActions, headers: dict[str, str], status: int
) -> None:
    async with browser(site) as client:
        sent = {"token": token(site), "name": "violet"}
        answer = await client.post("/cases/case-a/withdraw", data=sent, headers=headers)
    assert answer.status_code == status
    assert actions.done == []


async def test_every_response_has_the_safe_headers(site: Site) -> None:
    async with browser(site) as client:
        for path in ("/", "/nowhere", "/static/console.css", "/static/../app.py"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


async def test_a_link_opens_one_session_and_then_another_link_is_announced(site: Site) -> None:
    announced: list[str] = []
    site.sessions.announce = announced.append
    link = site.sessions.link
    async with browser(site) as client:
        assert (await client.get("/")).status_code == 200
        cookie = client.cookies.jar
        assert all(one.has_nonstandard_attr("HttpOnly") for one in cookie)
    assert announced == [site.sessions.link]
    async with browser(site, signed_in=False) as other:
        assert (await other.get(f"/enter/{link}")).status_code == 403
        assert (await other.get("/")).status_code == 401


async def test_who_waits_comes_first_and_minors_lead(site: Site) -> None:
    async with browser(site) as client:
        start = (await client.get("/")).text
        queue = (await client.get("/reviews/next")).headers["location"]
    assert start.index("Posts to decide on: 2") < start.index("All cases")
    assert "Takedowns overdue: 1" in start
    assert queue == "/review?post=post-m&case=case-m"


async def test_a_case_shows_its_copies_and_never_its_terms(site: Site) -> None:
    async with browser(site) as client:
        html = (await client.get("/cases/case-a")).text
    assert "Families: 1" in html
    assert "overdue for 5 h" in html
    assert "They are stored as digests" in html


async def test_a_review_says_why_and_how_sure(site: Site) -> None:
    async with browser(site) as client:
        html = (await client.get(JOB)).text
    assert "0:02-0:14 of file 1 in the post is 0:20-0:31 of reference referenc, at 1.25 times its speed" in html
    assert "It is 81 % sure; this case acts from 95 % on." in html
    assert "Sound: nothing had arrived in time." in html
    assert "Search terms found: 2" in html
    assert html.count("<polygon") == 2
    assert 'href="javascript' not in html


async def decide(site: Site, decision: str = "copy", seen: str = "v1", **changes: str) -> tuple[int, str]:
    async with browser(site, signed_in=not site.sessions._open) as client:
        if site.sessions._open:
            client.cookies.set("jikimi_console", next(iter(site.sessions._open)), domain="127.0.0.1")
        sent = {"token": token(site), "post": POST, "case": "case-a", "decision": decision, "seen": seen}
        answer = await client.post("/review/decide", data=sent | changes)
    return answer.status_code, answer.text


async def test_a_decision_is_written_only_after_its_time_and_can_be_undone(
    site: Site, actions: RecordedActions
) -> None:
    assert (await decide(site))[0] == 303
    assert actions.labels == []
    assert [job.verdict.post.post_id for job in site.store.reviews.queue(leaving_out=site.decisions.keys())] == [
        "post-m"
    ]
    async with browser(site, signed_in=False) as client:
        client.cookies.set("jikimi_console", next(iter(site.sessions._open)), domain="127.0.0.1")
        assert "Your decision: A copy" in (await client.get("/reviews")).text
        undone = await client.post("/review/undo", data={"token": token(site), "post": POST, "case": "case-a"})
        again = await client.post("/review/undo", data={"token": token(site), "post": POST, "case": "case-a"})
    assert undone.status_code == 303
    assert (again.status_code, "The decision is written already" in again.text) == (409, True)
    await site.decisions.flush()
    assert actions.labels == []


async def test_a_decision_not_undone_is_written_once_at_the_stop(site: Site, actions: RecordedActions) -> None:
    await decide(site, "other", note="seen twice")
    assert (await decide(site))[0] == 409  # a double click
    await site.decisions.flush()
    await site.decisions.flush()
    (label,) = actions.labels
    assert (label.decision, label.reviewer, label.note) == ("other", "mina", "seen twice")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seen": "older"}, "The system has found more about this post"),
        ({"decision": "maybe"}, "The form had no decision"),
        ({"post": "gone"}, "This post no longer waits"),
    ],
)
async def test_a_stale_page_decides_nothing_and_says_so(
    site: Site, actions: RecordedActions, changes: dict[str, str], sentence: str
) -> None:
    status, html = await decide(site, **changes)
    assert (status, sentence in html) == (409, True)
    await site.decisions.flush()
    assert actions.labels == []


async def test_a_job_that_another_person_decided_is_not_decided_again(site: Site) -> None:
    decided = Label(post_id=POST, case_id="case-a", decision="other", reviewer="june", at=ago(minutes=1))
    put(site.store, "labels", decided)
    status, html = await decide(site)
    assert (status, "somebody has decided it" in html) == (409, True)
    async with browser(site) as client:
        assert "Decided: Not a copy, by june" in (await client.get(JOB)).text


async def test_a_decision_that_cannot_be_written_waits_again_and_is_named(site: Site) -> None:
    async def fail(_: Label, __: Identity) -> None:
        raise ConnectionError("no broker")

    site.decisions._write = fail
    await decide(site)
    await site.decisions.flush()
    assert site.store.counts.of_all().to_review == 2
    async with browser(site) as client:
        assert "could not be written, and the post waits again: no broker" in (await client.get("/reviews")).text


async def test_acts_reach_the_functions_of_the_desk(site: Site, actions: RecordedActions) -> None:
    async with browser(site) as client:
        sent = {"token": token(site), "why": "hers"}
        await client.post("/takedowns/takedown-0/approve", data=sent)
        await client.post("/cases/case-a/references/r1", data=sent | {"standing": "confirmed"})
        await client.post("/cases/case-a/references/r1", data=sent | {"standing": "withdrawn"})
        put_back = await client.post("/dead-letters/letter-1/redrive", data=sent)
    assert "1 records put back" in put_back.text
    assert actions.done == [
        ("approve", "takedown-0", "hers"),
        ("confirm", "case-a", "r1", "hers"),
        ("withdraw_reference", "case-a", "r1", "hers"),
        ("redrive", "letter-1"),
    ]


async def test_the_language_and_the_keys_are_chosen_and_no_other_site_is_returned_to(site: Site) -> None:
    async with browser(site) as client:
        sent = {"token": token(site)}
        to = await client.post("/language", data=sent | {"language": "ko", "back": "//evil.example"})
        assert to.headers["location"] == "/"
        await client.post("/keys", data=sent | {"keys": "off", "back": JOB})
        html = (await client.get(JOB)).text
    assert "사본입니까?" in html
    assert "data-key" not in html


@pytest.mark.parametrize("path", ["/cases/none", "/takedowns/none", "/review", "/review?post=a&case=b", "/nowhere"])
async def test_what_is_not_there_is_a_page_that_leads_on(site: Site, path: str) -> None:
    async with browser(site) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize("query", ["after=x", "after=1e999~a", "after=nan~", "state=%00", "platform=" + "x" * 500])
async def test_a_wrong_query_is_no_fault_of_the_page(site: Site, query: str) -> None:
    async with browser(site) as client:
        for path in ("/", "/takedowns", "/cases/case-a", "/dead-letters"):
            assert (await client.get(f"{path}?{query}&page=-1")).status_code == 200


async def test_a_full_list_stays_below_its_limit(site: Site) -> None:
    long = "가" * 60
    put(site.store, "takedowns", *(found(n + 10, post=waiting().post) for n in range(200)))
    put(site.store, "verdicts", *(waiting(f"post-{n}-{long}", verdict_id=f"v{n}") for n in range(120)))
    put(site.store, "cases", *(case(f"case-{n}", f"{n} {long}") for n in range(200)))
    async with browser(site) as client:
        for path in ("/", "/takedowns", "/reviews", "/cases/case-a"):
            assert len((await client.get(path)).content) < 150_000


async def test_a_large_form_is_refused_with_a_sentence(site: Site) -> None:
    async with browser(site) as client:
        answer = await client.post("/review/decide", data={"token": token(site), "note": "x" * 400_000})
    assert answer.status_code == 413
    assert "too large" in answer.text


async def test_a_picture_of_a_room_is_shown_at_no_moment_with_the_other_case_that_it_may_be_of(site: Site) -> None:
    at = Interval(start_s=3.0, end_s=3.0)
    still = evidence(query=at, reference=at, passages=[], score=0.75)
    put(site.store, "verdicts", *(waiting("post-room", each, evidence=[still]) for each in ("case-a", "case-m")))
    async with browser(site) as client:
        html = (await client.get("/review?post=post-room&case=case-a")).text
    assert "shows the place of reference referenc, at no known moment of it" in html
    assert 'class="timeline"' not in html
    assert re.search(r'href="/review\?post=post-room&amp;case=case-m">maple, 81 %</a>', html)
