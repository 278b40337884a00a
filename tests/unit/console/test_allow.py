"""Not a copy, and allowed from then on: one decision, for those who may open an allow-list."""

import html
from pathlib import Path

import pytest

from schemas.messages import Label
from streams.console.site import Site
from streams.console.words import languages, words
from streams.errors import UsageError
from streams.rights.settings import Role
from tests.unit.console.made_site import RecordedActions, browser, fill, made_site, token, waiting

POST = "at://did:plc:x/app.bsky.feed.post/3k"
JOB = {"post": POST, "case": "case-a"}


async def sent(site: Site, decision: str) -> tuple[int, str]:
    """Send the decision of the job's page; return the status, and the next page of the queue."""
    async with browser(site) as client:
        form = {"token": token(site), **JOB, "seen": waiting().verdict_id, "decision": decision, "note": "an advert"}
        status = (await client.post("/review/decide", data=form)).status_code
        queue = (await client.get("/reviews")).text
    return status, html.unescape(queue)


async def test_the_label_is_written_then_the_media_are_allowed(site: Site, actions: RecordedActions) -> None:
    status, queue = await sent(site, "allow")
    assert status == 303
    assert words("en")("review.pending_allow") in queue
    assert (actions.labels, actions.allowed) == ([], [])  # it can be undone
    await site.decisions.flush()
    assert [(one.decision, one.note) for one in actions.labels] == [("other", "an advert")]
    assert actions.allowed == actions.labels


@pytest.mark.parametrize("decision", ["other", "copy"])
async def test_no_other_decision_allows_anything(site: Site, actions: RecordedActions, decision: str) -> None:
    assert (await sent(site, decision))[0] == 303
    await site.decisions.flush()
    assert ([one.decision for one in actions.labels], actions.allowed) == ([decision], [])


async def test_what_is_undone_allows_nothing(site: Site, actions: RecordedActions) -> None:
    await sent(site, "allow")
    assert site.decisions.undo(f"{POST}/case-a", "mina") == 1
    await site.decisions.flush()
    assert (actions.labels, actions.allowed) == ([], [])


@pytest.mark.parametrize(("role", "may"), [("officer", True), ("reviewer", False)])
@pytest.mark.parametrize("language", languages())
async def test_only_who_may_open_an_allow_list_is_offered_it(
    role: Role, language: str, *, may: bool, tmp_path: Path
) -> None:
    with made_site(folder=tmp_path, roles=[role]) as (site, actions):
        fill(site.store)
        async with browser(site, language=language) as client:
            page = html.unescape((await client.get("/review", params=JOB)).text)
            form = {"token": token(site), **JOB, "seen": waiting().verdict_id, "decision": "allow"}
            status = (await client.post("/review/decide", data=form)).status_code
        await site.decisions.flush()
        assert (words(language)("review.allow") in page, status) == (may, 303 if may else 403)
        assert (len(actions.labels), len(actions.allowed)) == (may, may)


async def test_media_that_are_not_allowed_are_named_and_the_label_stays(
    site: Site, actions: RecordedActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: RecordedActions, label: Label) -> None:
        raise UsageError(f"{label.post_id} is found in case-m too")

    monkeypatch.setattr(RecordedActions, "allow", fail)
    await sent(site, "allow")
    await site.decisions.flush()
    assert [one.decision for one in actions.labels] == ["other"]
    async with browser(site) as client:
        queue = html.unescape((await client.get("/reviews")).text)
    assert words("en")("review.not_allowed", why=f"{POST} is found in case-m too") in queue
