"""Live page: the operator's questions answered on one page."""

import re
from pathlib import Path

import pytest

from streams.console.site import Site
from streams.console.words import words
from streams.rights.settings import Role
from tests.unit.console.made_site import browser, fill, letter, made_site, put

EN = words("en")


async def live(folder: Path, role: Role) -> str:
    with made_site(folder=folder, roles=[role]) as (site, _):
        fill(site.store)
        put(site.store, "dead-letters", *map(letter, range(3, 9)))
        async with browser(site) as client:
            return (await client.get("/live")).raise_for_status().text


async def test_an_operator_reads_rate_lag_dead_letters_and_feeds_and_can_put_a_record_back(tmp_path: Path) -> None:
    html = await live(tmp_path, "operator")
    assert EN("live.rate", n="2.5") in html
    assert re.search(r'decode</th><td class="n">3</td><td class="n">2 min', html)
    assert EN("cases.n_letters", n=9) in html
    put_back = [number for number in range(9) if f'action="/dead-letters/letter-{number}/redrive"' in html]
    assert put_back == [0, 1, 2, 3, 4], "the newest five"
    assert "<dt>bluesky</dt><dd>last 1 min ago</dd>" in html


@pytest.mark.parametrize(("role", "are_shown", "is_form"), [("auditor", True, False), ("officer", False, False)])
async def test_who_may_not_inspect_or_redrive_sees_no_letter_or_no_form(
    role: Role, are_shown: bool, is_form: bool, tmp_path: Path
) -> None:
    html = await live(tmp_path, role)
    assert EN("cases.n_letters", n=9) in html
    assert ("no sample can be read" in html) is are_shown
    assert ("/redrive" in html) is is_form


async def test_a_dead_letter_has_its_reason_in_words(site: Site) -> None:
    put(site.store, "dead-letters", letter(20, reason="link_gone"))
    async with browser(site, language="ko") as client:
        assert words("ko")("unread.link_gone") in (await client.get("/dead-letters")).text


async def test_nothing_moves_until_follow_is_pressed(tmp_path: Path) -> None:
    html = await live(tmp_path, "operator")
    assert '<button type="button" hidden data-follow="/live/events"' in html
    assert "http-equiv" not in html
