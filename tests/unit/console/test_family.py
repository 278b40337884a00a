"""One decision on the posts of one family: the list first, a label each, one undo for all."""

import re
from html import unescape

import pytest

from schemas.messages import Interval
from streams.console.decisions import MAX_PENDING
from streams.console.site import Site
from tests.unit.console.made_site import RecordedActions, browser, evidence, put, token, waiting
from tests.unit.console.test_pages import FAMILY, POST

ELSEWHERE = Interval(start_s=100.0, end_s=130.0)


@pytest.fixture
def family(site: Site) -> Site:
    """Return a site with three more posts: one on the same stretch, one elsewhere in the file, one of another case."""
    links = ["t.example/mine"]
    put(
        site.store,
        "verdicts",
        waiting("post-same", verdict_id="same", links=[]),
        waiting("post-elsewhere", verdict_id="elsewhere", links=[], evidence=[evidence(reference=ELSEWHERE)]),
        waiting("post-link", verdict_id="link", links=links, evidence=[]),
        waiting("post-linked", verdict_id="linked", links=links, evidence=[]),
        waiting("post-m", "case-m", verdict_id="other-case"),
    )
    return site


def values(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'name="job" value="([^"]+)"', html)]


async def test_the_posts_on_the_same_stretch_or_with_the_same_address_are_listed(family: Site) -> None:
    async with browser(family) as client:
        html = (await client.get(FAMILY)).text
        linked = (await client.get("/review/family?post=post-link&case=case-a")).text
    assert values(html) == [f"v1 {POST}", "same post-same"]
    assert "0:02-0:14 of file 1 in the post" in html
    assert values(linked) == ["link post-link", "linked post-linked"]


async def test_one_decision_becomes_a_label_each_and_one_undo_drops_all(family: Site, actions: RecordedActions) -> None:
    async with browser(family) as client:
        sent = {"token": token(family), "post": POST, "case": "case-a", "decision": "copy", "note": "one film"}
        chosen = values((await client.get(FAMILY)).text)
        assert (await client.post("/review/family", data=sent | {"job": chosen})).status_code == 303
        listed = (await client.get("/reviews")).text
        assert "2 posts. Your decision: A copy." in listed
        assert listed.count("/review/undo") == 1
        assert (await client.post("/review/undo", data=sent | {"post": "post-same"})).status_code == 303
        assert family.decisions.keys() == frozenset()
        await client.post("/review/family", data=sent | {"job": chosen})
    await family.decisions.flush()
    assert [(label.post_id, label.decision, label.note) for label in actions.labels] == [
        (POST, "copy", "one film"),
        ("post-same", "copy", "one film"),
    ]


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        ([f"v1 {POST}", "older post-same"], "The system has found more about this post"),
        ([f"v1 {POST}", "other-case post-m"], "This post no longer waits"),
        ([], "No post was chosen"),
    ],
)
async def test_a_stale_list_decides_on_none_of_its_posts(family: Site, jobs: list[str], sentence: str) -> None:
    async with browser(family) as client:
        sent = {"token": token(family), "post": POST, "case": "case-a", "decision": "copy", "job": jobs}
        answer = await client.post("/review/family", data=sent)
    assert (answer.status_code, sentence in answer.text) == (409, True)
    assert family.decisions.keys() == frozenset()


async def test_what_another_has_open_or_has_decided_is_not_in_the_list(family: Site) -> None:
    family.leases.take("post-same/case-a", "june")
    async with browser(family) as client:
        assert values((await client.get(FAMILY)).text) == [f"v1 {POST}"]
        sent = {"token": token(family), "post": POST, "case": "case-a", "decision": "copy"}
        answer = await client.post("/review/family", data=sent | {"job": [f"v1 {POST}", "same post-same"]})
    assert (answer.status_code, "has taken this job over" in answer.text) == (409, True)


async def test_a_list_is_bounded_and_small(family: Site) -> None:
    put(family.store, "verdicts", *(waiting(f"post-{n}-{'가' * 60}", verdict_id=f"v{n}") for n in range(120)))
    async with browser(family) as client:
        shown = await client.get(FAMILY)
        assert len(values(shown.text)) == 50
        assert len(shown.content) < 150_000
        sent = {"token": token(family), "post": POST, "case": "case-a", "decision": "other", "job": values(shown.text)}
        assert (await client.post("/review/family", data=sent)).status_code == 303
    assert len(family.decisions.keys()) == 50 < MAX_PENDING
