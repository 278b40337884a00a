"""Addresses that are checked for a case: what is accepted, what is written, and the answer to each."""

import html
from contextlib import nullcontext
from typing import cast

import pytest

from schemas.messages import Post
from streams.console.actions import Actions
from streams.console.pages.checks import MAX_ADDRESSES
from streams.console.site import Site
from streams.console.store.checks import MAX_CHECKS, Check, Checks
from streams.console.store.store import FollowedStore
from streams.console.words import languages, words
from streams.errors import UsageError
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.settings import load_settings
from tests.unit.console.made_site import RecordedActions, ago, browser, found, letter, post, put, token, waiting
from tests.unit.made_messages import verdict

ADDRESS = "https://media.example/a.mp4"
PATH = "/cases/case-a/checks"


async def asked(site: Site, *addresses: str) -> int:
    async with browser(site) as client:
        sent = {"token": token(site), "addresses": "\n".join(addresses)}
        status = (await client.post(PATH, data=sent)).status_code
        await client.post("/leave", data={"token": token(site)})
    return status


async def shown(site: Site, language: str = "en") -> str:
    async with browser(site, language=language) as client:
        text = (await client.get(PATH)).raise_for_status().text
        await client.post("/leave", data={"token": token(site)})
    return html.unescape(text)


@pytest.fixture
def empty(site: Site) -> Site:
    site.store.checks.erase("case-a")
    return site


async def test_each_address_becomes_one_post_with_itself_as_its_medium(empty: Site, actions: RecordedActions) -> None:
    assert await asked(empty, ADDRESS, "", f" {ADDRESS} ", "http://other.example/b") == 303
    assert [(one.url, [medium.url for medium in one.media]) for one in actions.posts] == [
        (ADDRESS, [ADDRESS]), ("http://other.example/b", ["http://other.example/b"]),
    ]  # fmt: skip
    assert {one.platform for one in actions.posts} == {"web"}
    assert actions.done == [("check", "case-a")]


async def test_the_platform_is_that_of_the_host(empty: Site, actions: RecordedActions) -> None:
    await asked(empty, "https://bsky.app/profile/x/post/3k")
    assert [one.platform for one in actions.posts] == ["bluesky"]


async def test_a_form_that_is_sent_twice_writes_nothing_twice(empty: Site, actions: RecordedActions) -> None:
    await asked(empty, ADDRESS)
    await asked(empty, ADDRESS)
    assert len(actions.posts) == len(actions.done) == len(empty.store.checks.of_case("case-a")) == 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([""], "There is no address."),
        ([ADDRESS, "javascript:alert(1)"], "javascript:alert(1)"),
        (["ftp://x.example/a"], "ftp://x.example/a"),
        (["https://x.example/a b"], "https://x.example/a b"),
        (["https:///a"], "https:///a"),
        ([f"https://x.example/{'a' * 2_000}"], "https://x.example/aaa"),
        ([f"https://x.example/{n}" for n in range(MAX_ADDRESSES + 1)], "There are 101 addresses"),
    ],
)
async def test_what_is_no_address_is_refused_in_words_and_nothing_is_checked(
    empty: Site, actions: RecordedActions, lines: list[str], sentence: str
) -> None:
    async with browser(empty) as client:
        answer = await client.post(PATH, data={"token": token(empty), "addresses": "\n".join(lines)})
    assert answer.status_code == 409
    assert sentence in html.unescape(answer.text)
    assert (actions.posts, empty.store.checks.of_case("case-a")) == ([], [])


async def test_the_posts_are_written_after_the_act_that_names_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[object, ...]] = []

    class ReadAtOnce:
        async def current(self, *topics: str) -> None:
            done.append(topics)  # the console reads none of what it wrote

    class Writer:
        def write(self, *record: object) -> None:
            done.append(record)

    monkeypatch.setattr("streams.audit.acting.write_act", lambda _, *fields: done.append(fields))
    monkeypatch.setattr("streams.console.actions.writing", lambda _: nullcontext(Writer()))
    actions = Actions(load_settings(), cast("FollowedStore", ReadAtOnce()), Person("account", frozenset(ROLES)), "mina")
    made = Post(post_id="p", platform="web", url=ADDRESS, published_at=ago(), seen_at=ago())
    await actions.check_links("case-a", [made])
    act = ("extend", "case-a", "account", "not given", "as mina, 1 addresses checked")
    assert done == [act, ("posts", "p", made), ()]


async def test_what_could_not_be_written_is_not_waited_for(empty: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise UsageError("the broker does not answer")

    monkeypatch.setattr(RecordedActions, "check_links", fail)
    assert await asked(empty, ADDRESS) == 409
    assert empty.store.checks.of_case("case-a") == []


@pytest.fixture
async def checked(empty: Site, actions: RecordedActions) -> tuple[Site, Post]:
    await asked(empty, ADDRESS)
    return empty, actions.posts[0]


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
    checked: tuple[Site, Post], actions: RecordedActions, reason: str, language: str
) -> None:
    site, made = checked
    refused = letter(key=made.post_id.encode(), reason=reason)
    put(site.store, "verdicts", verdict(post=made.ref(), case_id=None, decision="dismiss", reason="complete"))
    put(site.store, "dead-letters", refused)
    text = await shown(site, language)
    assert words(language).of("unread", reason) in text
    assert words(language)("checks.none") not in text
    await asked(site, ADDRESS)
    assert len(actions.posts) == 2
    assert actions.posts[0].post_id == actions.posts[1].post_id


def test_of_more_checks_than_are_kept_the_oldest_is_dropped_with_what_was_seen_of_it() -> None:
    checks = Checks()
    checks.add(Check(f"{n:036}", "case-a", f"https://x.example/{n}", ago()) for n in range(MAX_CHECKS + 5))
    kept = checks.of_case("case-a")
    assert (len(kept), kept[-1].address, len(checks._seen)) == (MAX_CHECKS, "https://x.example/5", MAX_CHECKS)


async def test_the_checks_of_an_erased_case_are_dropped(site: Site) -> None:
    assert site.store.checks.of_case("case-a") != []
    put(site.store, "cases", ("case-a", None))
    assert site.store.checks.of_case("case-a") == []
