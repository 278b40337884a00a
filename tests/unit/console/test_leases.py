"""Leases of review jobs: one reviewer a job."""

from datetime import UTC, datetime

import pytest

from schemas.messages import Label
from streams.console.leases import LEASE_S, MAX_LEASES, MAX_OF_HOLDER, Leases
from streams.console.site import Site
from tests.unit.console.made_site import JUNE, Clock, RecordedActions, ago, browser, put, token
from tests.unit.console.test_pages import JOB, POST

KEY, MINOR = f"{POST}/case-a", "post-m/case-m"


@pytest.fixture
def leases(clock: Clock) -> Leases:
    return Leases(clock)


def test_a_job_is_of_the_first_who_opens_it_until_that_person_is_idle(leases: Leases, clock: Clock) -> None:
    assert leases.take("a", "mina") is None
    clock.now_s = LEASE_S - 1
    assert leases.take("a", "june") is not None
    assert leases.take("a", "mina") is None  # renewed
    clock.now_s = 2 * LEASE_S - 2
    assert leases.of_others("june") == {"a"}
    clock.now_s = 2 * LEASE_S
    assert leases.of_others("june") == frozenset()
    assert leases.take("a", "june") is None


def test_a_renewed_lease_keeps_its_beginning_and_one_that_is_taken_over_does_not(leases: Leases) -> None:
    before = datetime.now(UTC)
    leases.take("a", "mina")
    first = leases.taken("a", "june")
    leases.take("a", "mina")
    assert leases.taken("a", "june") == first
    leases.take_over("a", "june")
    assert leases.taken("a", "june") is None
    assert (leases.taken("a", "mina") or before) > before


def test_leases_are_bounded_for_a_person_and_in_all(leases: Leases) -> None:
    for number in range(MAX_OF_HOLDER + 1):
        leases.take(f"mina-{number}", "mina")
    assert leases.of_others("june") == {f"mina-{number + 1}" for number in range(MAX_OF_HOLDER)}
    for number in range(MAX_LEASES):
        leases.take(f"job-{number}", f"holder-{number}")
    assert len(leases.of_others("june")) == MAX_LEASES
    assert leases.taken("mina-1", "june") is None
    leases.end("job-7")
    leases.end_all("holder-8")
    assert len(leases.of_others("june")) == MAX_LEASES - 2


async def test_the_next_job_is_none_that_another_has_open(site: Site) -> None:
    site.leases.take(MINOR, "june")
    async with browser(site) as client:
        assert (await client.get("/reviews/next")).headers["location"] == JOB
        assert "another reviewer has it open" in (await client.get("/reviews")).text
        site.leases.take(KEY, "june")
        assert (await client.get("/reviews/next")).headers["location"] == "/reviews"


async def test_opening_a_job_takes_it_and_deciding_gives_it_back(site: Site) -> None:
    async with browser(site) as client:
        await client.get(JOB)
        assert site.leases.of_others("june") == {KEY}
        sent = {"token": token(site), "post": POST, "case": "case-a"}
        await client.post("/review/decide", data=sent | {"decision": "copy", "seen": "v1"})
        assert site.leases.of_others("june") == frozenset()
        undone = await client.post("/review/undo", data=sent)
        await client.get(undone.headers["location"])
        assert site.leases.of_others("june") == {KEY}


async def test_who_leaves_gives_the_jobs_back(site: Site) -> None:
    async with browser(site) as client:
        await client.get(JOB)
        await client.post("/leave", data={"token": token(site)})
    assert site.leases.of_others("june") == frozenset()


async def test_a_job_that_another_has_open_is_decided_only_after_it_is_taken_over(site: Site) -> None:
    site.leases.take(KEY, "june")
    async with browser(site) as client:
        html = (await client.get(JOB)).text
        assert "Another reviewer has had this job open since" in html
        assert "june" not in html
        assert "/review/decide" not in html
        sent = {"token": token(site), "post": POST, "case": "case-a", "decision": "copy", "seen": "v1"}
        refused = await client.post("/review/decide", data=sent)
        assert (refused.status_code, "has taken this job over" in refused.text) == (409, True)
        assert site.decisions.keys() == frozenset()
        taken = await client.post("/review/take", data=sent)
        assert "/review/decide" in (await client.get(taken.headers["location"])).text
        assert (await client.post("/review/decide", data=sent)).status_code == 303


async def test_a_decision_that_is_not_written_yet_is_undone_by_its_reviewer_only(
    site: Site, actions: RecordedActions
) -> None:
    label = Label(post_id=POST, case_id="case-a", decision="copy", reviewer=JUNE.signature, at=ago(seconds=1))
    site.decisions.decide(label, by=JUNE)
    async with browser(site) as client:
        html = (await client.get(JOB)).text
        assert "Another reviewer has just decided this post" in html
        assert "/review/undo" not in html + (await client.get("/reviews")).text
        sent = {"token": token(site), "post": POST, "case": "case-a"}
        assert (await client.post("/review/undo", data=sent)).status_code == 409
    await site.decisions.flush()
    assert actions.labels == [label]


async def test_who_was_not_sure_is_led_on_and_others_are_led_to_the_post(site: Site) -> None:
    unsure = Label(post_id="post-m", case_id="case-m", decision="unsure", reviewer="mina", at=ago(minutes=1))
    put(site.store, "labels", unsure)
    async with browser(site) as client:
        assert (await client.get("/reviews/next")).headers["location"] == JOB
    first, *_ = site.store.reviews.queue(not_by="june")
    assert first.key == MINOR
