"""What protects a reviewer: no picture by itself, each one counted, and a break that is suggested, never forced."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from streams.console.shown_once import SHOWN_S, ShownOnce
from streams.console.site import Site
from streams.console.wellbeing import BREAK_S, MAX_PERSONS, Wellbeing
from tests.unit.console.made_site import Clock, RecordedActions, browser, token
from tests.unit.console.test_pages import JOB, LOOK, POST


def test_a_break_is_suggested_after_review_without_one() -> None:
    clock = Clock()
    counted = Wellbeing(1000.0, clock)
    assert counted.reviewed("mina") is None
    clock.now_s = 500.0
    assert counted.reviewed("mina") is None
    clock.now_s = 1000.0
    assert counted.reviewed("mina") == 1000.0
    assert counted.reviewed("june") is None
    clock.now_s += BREAK_S
    assert counted.reviewed("mina") is None


def test_no_break_is_suggested_where_none_is_wanted_and_counts_are_bounded() -> None:
    clock = Clock()
    counted = Wellbeing(0.0, clock)
    counted.expose("mina")
    counted.reviewed("mina")
    clock.now_s = BREAK_S - 1
    assert counted.reviewed("mina") is None
    assert counted.exposures("mina") == 1
    for number in range(MAX_PERSONS):
        counted.reviewed(f"person-{number}")
    assert counted.exposures("mina") == 0


def test_a_picture_is_fetched_once_in_time_and_by_its_person_only() -> None:
    clock = Clock()
    shown = ShownOnce(clock)
    name = shown.keep("mina", b"jpeg")
    assert shown.fetch("june", name) is None
    assert shown.fetch("mina", name) == b"jpeg"
    assert shown.fetch("mina", name) is None
    late = shown.keep("mina", b"jpeg")
    clock.now_s = SHOWN_S
    assert shown.fetch("mina", late) is None
    many = [shown.keep("mina", b"%d" % number) for number in range(20)]
    assert [shown.fetch("mina", one) is not None for one in many] == [False] * 4 + [True] * 16


async def test_nothing_is_shown_or_counted_until_a_person_insists(site: Site, actions: RecordedActions) -> None:
    async with browser(site) as client:
        job, asked = (await client.get(JOB)).text, (await client.get(LOOK)).text
    assert "Pictures shown to you since the console was started: 0" in job
    assert "<img" not in job + asked
    assert actions.done == []


async def test_a_picture_is_shown_for_ten_seconds_once_and_counted(site: Site, actions: RecordedActions) -> None:
    async with browser(site) as client:
        sent = {"token": token(site), "post": POST, "case": "case-a", "match": "0"}
        shown = await client.post("/review/look", data=sent)
        (address,) = re.findall(r'<img src="(/review/picture/[^"]+)"', shown.text)
        first, again = await client.get(address), await client.get(address)
        job = (await client.get(JOB)).text
    seconds, _, back = shown.headers["refresh"].partition("; url=")
    assert (seconds, urlsplit(back).path, parse_qs(urlsplit(back).query)["post"]) == ("10", "/review", [POST])
    assert shown.headers["cache-control"] == first.headers["cache-control"] == "no-store"
    assert (first.content, first.headers["content-type"]) == (b"JPEG of the test", "image/jpeg")
    assert again.status_code == 404
    assert "Pictures shown to you since the console was started: 1" in job
    assert actions.done == [("thumbnail", POST, "0")]


@pytest.mark.parametrize(("match", "status"), [("1", 409), ("x", 404), ("-1", 404), ("9" * 9, 404)])
async def test_a_picture_that_is_not_there_is_not_counted(site: Site, match: str, status: int) -> None:
    async with browser(site) as client:
        sent = {"token": token(site), "post": POST, "case": "case-a", "match": match}
        assert (await client.post("/review/look", data=sent)).status_code == status
    assert site.wellbeing.exposures("account") == 0


async def test_a_job_suggests_a_break_and_goes_on_all_the_same(site: Site) -> None:
    site.wellbeing.reviewed("account")
    site.wellbeing._persons["account"].began_s -= 46 * 60
    async with browser(site) as client:
        html = (await client.get(JOB)).text
    assert "You have reviewed for 46 min without a break" in html
    assert 'action="/review/decide"' in html
