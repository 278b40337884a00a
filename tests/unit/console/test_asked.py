"""Search of a case's words on platforms, on the case's page."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.console.site import Site
from streams.desk.case_book import CaseBook
from streams.desk.search.words import PlatformState, SearchStates
from tests.unit.console.made_site import browser

WORD = "milkyway77"


async def page(site: Site, language: str = "en") -> str:
    async with browser(site, language=language) as client:
        text: str = (await client.get("/cases/case-a")).raise_for_status().text
        await client.post("/leave")
    return text


@pytest.mark.parametrize(("language", "waits"), [("en", "the platform limits its search"), ("ko", "검색을 제한합니다")])
async def test_a_case_shows_what_was_asked_and_which_platform_waits_but_no_word(
    site: Site, language: str, waits: str
) -> None:
    now = datetime.now(UTC)
    assert "jikimi feed search" not in await page(site, language)
    CaseBook(site.settings).search("case-a", "river", now, [WORD])
    assert "jikimi feed search" in await page(site, language)
    SearchStates(site.settings).write([
        PlatformState(platform="bluesky", asked_at=now, found={"case-a": 37}),
        PlatformState(platform="mastodon-tag", waits_until=now + timedelta(hours=1), reason="limited"),
        PlatformState(platform="mastodon-words", waits_until=now - timedelta(hours=1), reason="forbidden"),
    ])  # fmt: skip
    shown = await page(site, language)
    assert "37" in shown
    assert shown.count(waits) == 1
    assert WORD not in shown
    CaseBook(site.settings).search("case-a", "river", now, [])
