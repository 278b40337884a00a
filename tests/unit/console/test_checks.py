"""Addresses that are checked for a case: what is accepted, what is written, and the answer to each."""

import asyncio
import html
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from schemas.messages import Post
from streams.console import link_checks
from streams.console.actions import Actions
from streams.console.link_checks import LinkChecks
from streams.console.pages.checks import MAX_ADDRESSES
from streams.console.site import Site
from streams.console.store.checks import MAX_CHECKS, Check, Checks, Unread
from streams.console.store.store import FollowedStore
from streams.console.words import languages, words
from streams.desk.checking.answer import NOT_CHECKED, Answer
from streams.desk.checking.resolved import MAX_MEDIA, Resolved
from streams.errors import UnprocessableError, UsageError
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.settings import Settings, load_settings
from tests.unit.console.made_site import (
    RecordedActions,
    ago,
    browser,
    fill,
    found,
    letter,
    made_site,
    post,
    put,
    token,
    waiting,
)
from tests.unit.desk.checking.trouble import Site as Web
from tests.unit.desk.checking.trouble import links, meta, page
from tests.unit.made_messages import verdict

PATH = "/cases/case-a/checks"
SOMEWHERE = "https://media.example/a.mp4"
"""An address that no test reads."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, RecordedActions]]:
    """Yield a site that may read addresses of this machine."""
    monkeypatch.setenv("JIKIMI_MEDIA_ALLOWED_HOSTS", '["127.0.0.1"]')
    with made_site(folder=tmp_path) as pair:
        fill(pair[0].store)
        pair[0].store.checks.erase("case-a")
        yield pair


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """Yield a server with pages of every kind."""
    async with Web() as running:
        yield running


async def asked(site: Site, *addresses: str) -> int:
    """Send the form, and return its status once every address has led to something."""
    async with browser(site) as client:
        sent = {"token": token(site), "addresses": "\n".join(addresses)}
        status = (await client.post(PATH, data=sent)).status_code
        await client.post("/leave", data={"token": token(site)})
    await site.link_checks.drain()
    return status


async def shown(site: Site, language: str = "en") -> str:
    async with browser(site, language=language) as client:
        text = (await client.get(PATH)).raise_for_status().text
        await client.post("/leave", data={"token": token(site)})
    return html.unescape(text)


async def test_a_medium_and_the_media_of_a_page_are_checked_and_the_page_is_read_once(
    site: Site, actions: RecordedActions, web: Web
) -> None:
    medium, of_page, to_page = (f"{web.url}/{path}" for path in ("clip.mp4", "og", "to-og"))
    assert await asked(site, medium, "", f" {medium} ", of_page, to_page) == 303
    written = {one.url: [medium.url for medium in one.media] for one in actions.posts}
    assert written == {medium: [medium], of_page: [medium, f"{web.url}/thumb.jpg"]}
    assert {one.url: one.caption for one in actions.posts}[of_page] == "a title"
    assert actions.done == [("check", "case-a", "3")]
    text = await shown(site)
    assert [text.count(f">{one}<") for one in (medium, of_page, to_page)] == [1, 1, 1]
    assert text.count("waits for its answer") == 3
    (judged,) = [one for one in actions.posts if one.url == of_page]
    put(site.store, "verdicts", verdict(post=judged.ref(), case_id=None, decision="dismiss", reason="complete"))
    assert (await shown(site)).count("No match with this case") == 2  # of the page and of what leads to it


async def test_each_address_with_its_kind_of_trouble_has_its_own_line(
    site: Site, actions: RecordedActions, web: Web
) -> None:
    wanted = [one for one in links(web) if one.media != "link_malformed"]  # which the form refuses
    assert await asked(site, *(one.address for one in wanted)) == 303
    for one in wanted:
        check = site.store.checks.find("case-a", one.address)
        assert check is not None
        unread = site.store.checks.unread(check)
        assert (unread.reason if unread else None) == (one.media if isinstance(one.media, str) else None)
    assert len({one.post_id for one in actions.posts}) == len(actions.posts)


async def test_a_page_with_more_media_than_are_looked_at_says_so(site: Site, web: Web) -> None:
    await asked(site, f"{web.url}/channel")
    assert f"The page names 3000 media, of which {MAX_MEDIA} are looked at." in await shown(site)


@pytest.mark.parametrize("language", languages())
async def test_a_page_that_cannot_be_read_costs_its_own_line(
    site: Site, actions: RecordedActions, web: Web, language: str
) -> None:
    web.pages["/nothing"] = page(meta("og:title", "no media"))
    await asked(site, f"{web.url}/nothing", f"{web.url}/login", f"{web.url}/clip.mp4")
    text = await shown(site, language)
    assert words(language).of("unread", "page_without_media") in text
    assert words(language).of("unread", "link_login") in text
    assert words(language)("checks.waiting") in text
    assert len(actions.posts) == 1


async def test_a_form_that_is_sent_twice_writes_nothing_twice(site: Site, actions: RecordedActions, web: Web) -> None:
    await asked(site, f"{web.url}/clip.mp4")
    await asked(site, f"{web.url}/clip.mp4")
    assert len(actions.posts) == len(actions.done) == len(site.store.checks.of_case("case-a")) == 1


async def test_an_address_that_has_its_answer_is_judged_again_and_an_earlier_answer_does_not_count(
    site: Site, actions: RecordedActions, web: Web
) -> None:
    await asked(site, f"{web.url}/clip.mp4")
    (first,) = actions.posts
    judged = verdict(post=first.ref(), case_id=None, decision="dismiss", reason="complete")
    put(site.store, "verdicts", judged)
    await asked(site, f"{web.url}/clip.mp4")
    assert [one.post_id for one in actions.posts] == [first.post_id] * 2
    put(site.store, "verdicts", judged)
    assert "waits for its answer" in await shown(site)
    again = verdict(post=actions.posts[1].ref(), case_id=None, decision="dismiss", reason="complete")
    put(site.store, "verdicts", again)
    assert "No match with this case" in await shown(site)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([""], "There is no address."),
        ([SOMEWHERE, "javascript:alert(1)"], "javascript:alert(1)"),
        (["ftp://x.example/a"], "ftp://x.example/a"),
        (["https://x.example/a b"], "https://x.example/a b"),
        (["https:///a"], "https:///a"),
        ([f"https://x.example/{'a' * 2_000}"], "https://x.example/aaa"),
        ([f"https://x.example/{n}" for n in range(MAX_ADDRESSES + 1)], "There are 101 addresses"),
    ],
)
async def test_what_is_no_address_is_refused_in_words_and_nothing_is_checked(
    site: Site, actions: RecordedActions, lines: list[str], sentence: str
) -> None:
    async with browser(site) as client:
        answer = await client.post(PATH, data={"token": token(site), "addresses": "\n".join(lines)})
    assert answer.status_code == 409
    assert sentence in html.unescape(answer.text)
    assert (actions.done, site.store.checks.of_case("case-a")) == ([], [])


async def test_the_act_names_the_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[object, ...]] = []

    class ReadAtOnce:
        async def current(self, *topics: str) -> None:
            done.append(topics)  # the console reads none of what it wrote

    monkeypatch.setattr("streams.audit.acting.write_act", lambda _, *fields: done.append(fields))
    actions = Actions(load_settings(), cast("FollowedStore", ReadAtOnce()), Person("account", frozenset(ROLES)), "mina")
    await actions.check_links("case-a", 3)
    assert done == [("extend", "case-a", "account", "not given", "as mina, 3 addresses checked"), ()]


async def test_without_its_act_on_record_no_page_is_read(
    site: Site, actions: RecordedActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise UsageError("the broker does not answer")

    monkeypatch.setattr(RecordedActions, "check_links", fail)
    assert await asked(site, SOMEWHERE) == 409
    assert (actions.posts, site.store.checks.of_case("case-a")) == ([], [])


async def test_more_forms_than_are_read_at_once_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_checks, "MAX_FORMS", 0)
    assert await asked(site, SOMEWHERE) == 409
    assert site.store.checks.of_case("case-a") == []


async def test_a_post_that_cannot_be_written_can_be_tried_again(
    site: Site, actions: RecordedActions, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UsageError("the broker does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(site.link_checks, "_write", fail)
        assert await asked(site, f"{web.url}/clip.mp4", f"{web.url}/og") == 303
    text = await shown(site)
    assert text.count(words("en").of("unread", NOT_CHECKED)) == 2
    assert "the broker does not answer" in text
    await asked(site, f"{web.url}/clip.mp4")
    assert len(actions.posts) == 1


async def test_addresses_that_are_under_way_when_the_console_stops_are_not_checked() -> None:
    checks, check = Checks(), Check("case-a", SOMEWHERE, ago())
    checks.add([check])

    async def never(_: Settings, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, Resolved | Answer]]:
        for address in addresses:
            await asyncio.Event().wait()
            yield address, Answer(address=address, result="unread")

    begun = LinkChecks(load_settings(), checks, never, list[object]().extend)
    begun.begin([check])
    await asyncio.sleep(0)
    await begun.stop()
    (left,) = checks.of_case("case-a")
    assert checks.unread(left) == Unread("", NOT_CHECKED, "the console was stopped")


async def test_a_page_whose_video_is_refused_is_not_read_in_full_though_it_has_a_post() -> None:
    checks, check, written = Checks(), Check("case-a", SOMEWHERE, ago()), list[object]()
    checks.add([check])

    async def pictures(_: Settings, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, Resolved | Answer]]:
        for address in addresses:
            yield address, Resolved(address, [], missing=UnprocessableError("link_forbidden", "Private video"))

    begun = LinkChecks(load_settings(), checks, pictures, written.extend)
    begun.begin([check])
    await begun.drain()
    (left,) = checks.of_case("case-a")
    assert checks.unread(left) == Unread("", "link_forbidden", "Private video")
    assert len(written) == 1


@pytest.fixture
async def checked(site: Site, actions: RecordedActions, web: Web) -> tuple[Site, Post]:
    await asked(site, f"{web.url}/clip.mp4")
    return site, actions.posts[0]


async def test_an_address_waits_until_its_post_is_judged(checked: tuple[Site, Post]) -> None:
    site, made = checked
    assert "waits for its answer" in await shown(site)
    put(site.store, "verdicts", verdict(post=post("another"), case_id=None, decision="dismiss", reason="complete"))
    assert "waits for its answer" in await shown(site)
    put(site.store, "verdicts", verdict(post=made.ref(), case_id=None, decision="dismiss", reason="complete"))
    assert "No match with this case" in await shown(site)


async def test_a_match_with_another_case_alone_is_no_match(checked: tuple[Site, Post]) -> None:
    site, made = checked
    put(site.store, "verdicts", verdict(post=made.ref(), case_id="case-m", decision="act", reason="deadline"))
    assert "No match with this case" in await shown(site)


async def test_a_copy_leads_to_its_takedown_once_it_is_issued(checked: tuple[Site, Post]) -> None:
    site, made = checked
    put(site.store, "verdicts", verdict(post=made.ref(), case_id="case-a", decision="act", reason="complete"))
    assert "waits for its answer" in await shown(site)
    put(site.store, "takedowns", found(50, post=made.ref()))
    assert 'href="/takedowns/takedown-50"' in await shown(site)


async def test_a_review_leads_to_its_page(checked: tuple[Site, Post]) -> None:
    site, made = checked
    put(site.store, "verdicts", waiting(post=made.ref(), reason="complete"))
    assert f'href="/review?post={made.post_id}&case=case-a"' in await shown(site)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("reason", ["link_private_address", "media_unreadable", "link_of_a_later_version"])
async def test_why_it_could_not_be_read_is_in_words_and_it_can_be_tried_again(
    checked: tuple[Site, Post], actions: RecordedActions, web: Web, reason: str, language: str
) -> None:
    site, made = checked
    refused = letter(key=made.post_id.encode(), reason=reason)
    put(site.store, "verdicts", verdict(post=made.ref(), case_id=None, decision="dismiss", reason="complete"))
    put(site.store, "dead-letters", refused)
    text = await shown(site, language)
    assert words(language).of("unread", reason) in text
    assert words(language)("checks.none") not in text
    await asked(site, f"{web.url}/clip.mp4")
    assert len(actions.posts) == 2
    assert actions.posts[0].post_id == actions.posts[1].post_id


def test_of_more_checks_than_are_kept_the_oldest_is_dropped_with_what_was_seen_of_it() -> None:
    checks = Checks()
    for n in range(MAX_CHECKS + 5):
        check = Check("case-a", f"https://x.example/{n}", ago(), f"{n:036}")
        checks.add([check])
        checks.settle(check, check.at)
    kept = checks.of_case("case-a")
    assert (len(kept), kept[-1].address, len(checks._seen)) == (MAX_CHECKS, "https://x.example/5", MAX_CHECKS)


def test_of_a_check_that_was_dropped_meanwhile_nothing_is_kept() -> None:
    checks, check = Checks(), Check("case-a", SOMEWHERE, ago(), "p")
    checks.settle(check, check.at)
    assert (checks.of_case("case-a"), checks._seen) == ([], {})


async def test_the_checks_of_an_erased_case_are_dropped(checked: tuple[Site, Post]) -> None:
    site, _ = checked
    put(site.store, "cases", ("case-a", None))
    assert (site.store.checks.of_case("case-a"), site.store.checks._seen) == ([], {})
