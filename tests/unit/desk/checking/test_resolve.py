"""Addresses to media: 50 links with every kind of trouble, and the limits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.decode.settings import MediaSettings
from streams.desk.checking import resolve
from streams.desk.checking.answer import NOT_CHECKED, Answer
from streams.desk.checking.check import resolved
from streams.desk.checking.resolve import MAX_PAGE_BYTES, Resolver
from streams.desk.checking.resolved import Resolved
from streams.errors import RecordError, UnprocessableError
from streams.settings import load_settings
from tests.support.deadline import DEADLINE_S
from tests.support.platforms.http_server import Response
from tests.unit.desk.checking.trouble import HTML, Site, links, meta, page

MEDIA = MediaSettings(allowed_hosts=("127.0.0.1",), fetch_timeout_s=20.0)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as running:
        yield running


@pytest.fixture
async def resolver() -> AsyncIterator[Resolver]:
    made = Resolver(MEDIA)
    yield made
    await made.close()


async def test_each_of_fifty_links_has_its_own_answer(site: Site) -> None:
    wanted = {link.address: link.media for link in links(site)}
    settings = load_settings(media=MEDIA)
    found: dict[str, list[str] | str] = {}
    async for address, outcome in resolved(settings, [*wanted, *wanted]):
        assert address not in found
        if isinstance(outcome, Resolved):
            found[address] = [medium.url.removeprefix(site.url).partition("?")[0] for medium in outcome.media]
        else:
            assert outcome.detail
            found[address] = outcome.reason
    assert found == wanted


async def test_a_page_gives_its_address_after_redirects_its_words_and_how_many_media_it_names(
    site: Site, resolver: Resolver
) -> None:
    found = await resolver.resolve(f"{site.url}/to-og")
    assert (found.address, found.words, found.n_named) == (f"{site.url}/og", "a title", 1)
    assert (await resolver.resolve(f"{site.url}/channel")).n_named == 3_000


async def test_a_medium_keeps_the_address_that_was_given(site: Site, resolver: Resolver) -> None:
    site.pages["/short"] = Response(302, headers={"Location": "/clip.mp4?token=expires"})
    assert (await resolver.resolve(f"{site.url}/short")).address == f"{site.url}/short"


async def test_the_beginning_of_an_endless_page_is_read(
    site: Site, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "_TIMEOUT_S", DEADLINE_S)  # a busy machine takes its time
    head = meta("og:video", "/clip.mp4").encode()
    site.pages["/long"] = Response(200, b"<!doctype html>" + head + b"<p>" * MAX_PAGE_BYTES, HTML)
    (medium,) = (await resolver.resolve(f"{site.url}/long")).media
    assert medium.url == f"{site.url}/clip.mp4"


async def test_players_that_name_each_other_are_read_once(site: Site, resolver: Resolver) -> None:
    site.pages["/a"] = page(meta("twitter:player", "/b"))
    site.pages["/b"] = page(meta("twitter:player", "/a"))
    with pytest.raises(RecordError) as refused:
        await resolver.resolve(f"{site.url}/a")
    assert refused.value.reason == "page_without_media"
    assert site.count("/a") == site.count("/b") == 1


async def test_a_reader_of_its_own_is_asked_first(site: Site) -> None:
    class Reader:
        async def read(self, address: str) -> Resolved | None:
            return Resolved(address, []) if address.endswith("/mine") else None

    resolver = Resolver(MEDIA, readers=[Reader()])
    assert await resolver.resolve(f"{site.url}/mine") == Resolved(f"{site.url}/mine", [])
    assert len((await resolver.resolve(f"{site.url}/og")).media) == 2
    await resolver.close()


async def test_without_yt_dlp_a_page_without_media_says_what_would_try_more(site: Site, resolver: Resolver) -> None:
    with pytest.raises(RecordError) as refused:
        await resolver.resolve(f"{site.url}/words")
    wanted = "the page names no video, sound or picture; `pip install yt-dlp` would try more"
    assert (refused.value.reason, refused.value.detail) == ("page_without_media", wanted)


class Last:
    """A reader that is asked last, and refuses."""

    async def read(self, _: str) -> Resolved:
        raise UnprocessableError("link_forbidden", "yt-dlp: Private video")


async def test_a_page_whose_video_is_refused_keeps_its_pictures_and_the_reason(site: Site) -> None:
    async with Resolver(MEDIA, last=Last()) as resolver:
        found = await resolver.resolve(f"{site.url}/picture")
        assert [medium.kind for medium in found.media] == ["image"]
        assert found.missing is not None
        with pytest.raises(RecordError, match="Private video") as refused:
            await resolver.resolve(f"{site.url}/words")
    assert found.missing.reason == refused.value.reason == "link_forbidden"


async def test_links_that_hang_do_not_delay_those_after_them(site: Site) -> None:
    for path in ("/hangs", "/hangs-too"):
        site.fail_next("timeout", path=path)
    addresses = [f"{site.url}{path}" for path in ("/hangs", "/hangs-too", "/og", "/gone")]
    answers = resolved(load_settings(media=MEDIA), addresses)
    first, second = await anext(answers), await anext(answers)
    await answers.aclose()
    assert {first[0], second[0]} == {f"{site.url}/og", f"{site.url}/gone"}
    assert any(isinstance(outcome, Answer) for _, outcome in (first, second))
    await asyncio.sleep(0)


async def test_a_bug_at_one_address_leaves_the_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    working = Resolver.resolve

    async def resolve_with_bug(resolver: Resolver, address: str) -> Resolved:
        if address.endswith("/words"):
            raise ValueError("a bug")
        return await working(resolver, address)

    monkeypatch.setattr(Resolver, "resolve", resolve_with_bug)
    addresses = [f"{site.url}/og", f"{site.url}/words"]
    found = {address: outcome async for address, outcome in resolved(load_settings(media=MEDIA), addresses)}
    fine, broken = (found[address] for address in addresses)
    assert isinstance(fine, Resolved)
    assert isinstance(broken, Answer)
    assert (broken.result, broken.reason, broken.detail) == ("unread", NOT_CHECKED, "ValueError")
