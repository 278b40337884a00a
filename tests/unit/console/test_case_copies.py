"""A case's found copies as families, and its timeline."""

import re
from contextlib import closing
from uuid import uuid4

import pytest

from schemas.messages import Act, Delivery, Interval, Takedown
from streams.console.pages.case_copies import OF_CASE, found_copies
from streams.console.site import Site
from streams.console.store.acts import ShownAct
from streams.console.store.store import Store
from streams.console.store.takedowns import CHANGED, CaseEvent
from streams.settings import load_settings
from tests.unit.console.made_site import ago, browser, evidence, found, made_site, post, put
from tests.unit.made_messages import delivery

STRETCHES = {"early": Interval(start_s=0, end_s=20), "late": Interval(start_s=60, end_s=90)}


def copy(number: int, stretch: str = "early", **changes: object) -> Takedown:
    """Return the takedown of a copy of one stretch of the reference."""
    matched = evidence(reference=STRETCHES[stretch], passages=[])
    return found(number, evidence=[matched], post=post(f"post-{number}", platform=f"p{number}"), **changes)


def due(number: int, **span: float) -> Delivery:
    return delivery(delivery_id=f"d{number}", takedown_id=f"takedown-{number}", due_at=ago(**span))


@pytest.fixture
def copies(site: Site) -> Site:
    put(site.store, "takedowns", copy(10), copy(11, state="removed"), copy(12), copy(13, "late"))
    put(site.store, "deliveries", due(10, hours=-7), due(11, hours=99), due(12, hours=9), due(13, hours=-50))
    return site


async def test_copies_of_one_stretch_are_one_family_with_states_platforms_and_what_is_due_first(copies: Site) -> None:
    async with browser(copies) as client:
        html = (await client.get("/cases/case-a")).text
    items = re.findall(r"<li>(.*?)</li>", html.partition("Families of copies")[2].partition("</ol>")[0], re.DOTALL)
    assert len(items) == 2
    ((early,), (late,)) = ([one for one in items if f"p{n} 1" in one] for n in (11, 13))
    assert ("takedown-12" in early, "overdue" in early.lower()) == (True, True)  # what is removed is due no more
    assert "removed 2" in early
    assert "takedown-13" in late
    assert "p10" not in late


def test_a_family_without_a_pending_copy_has_no_clock() -> None:
    with made_site() as (site, _):
        put(site.store, "takedowns", copy(1, state="removed"))
        put(site.store, "deliveries", due(1, hours=9))
        (shown,) = found_copies(site, "case-a", [])["families"]
    assert shown.first_due is None
    assert shown.names == ["referenc"]


async def test_more_families_than_a_page_has_are_named_and_lead_to_the_list() -> None:
    with made_site() as (site, _):
        alone = [found(n, evidence=[], post=post(f"post-{n}")) for n in range(30)]
        put(site.store, "takedowns", *alone)
        copies = found_copies(site, "case-a", [])
    assert (len(copies["families"]), copies["n_families"], copies["n_of_families"]) == (20, 30, 30)


def test_the_timeline_has_states_and_acts_the_newest_first_and_neither_pushes_the_other_out() -> None:
    act = Act(act_id=str(uuid4()), act="extend", subject="case-a", by="june", why="more", at=ago(hours=60))
    with made_site() as (site, _):
        many = [found(n, event_id=f"e{n}", at=ago(hours=n)) for n in range(70)]
        put(site.store, "takedowns", *many, found(69, event_id="again", state="sent", at=ago(minutes=1)))
        put(site.store, "takedowns", found(99, case_id="case-b", at=ago(minutes=2)))
        shown = found_copies(site, "case-a", [ShownAct(act, None)])["timeline"]
    events = [one for one in shown if isinstance(one, CaseEvent)]
    assert [(one.takedown_id, one.state) for one in events[:2]] == [("takedown-0", "issued"), ("takedown-69", "sent")]
    assert len(events) == 50
    assert isinstance(shown[-1], ShownAct)


def test_the_newest_events_are_found_in_an_index() -> None:
    with closing(Store(load_settings())) as store:
        plan = store._database.execute(f"EXPLAIN QUERY PLAN {CHANGED}", ("case-a", OF_CASE)).fetchall()
    assert [step[-1] for step in plan] == ["SEARCH takedowns USING INDEX by_change (case_id=?)"]
