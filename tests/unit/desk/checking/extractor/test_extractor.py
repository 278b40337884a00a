"""yt-dlp's own extractors in the sandbox, on local pages that name their media only in scripts and lists."""

import asyncio
import gzip
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from streams.decode.settings import MediaSettings
from streams.desk.checking.extractor import relay
from streams.desk.checking.extractor.extractor import Extractor
from streams.desk.checking.extractor.wire import MAX_REQUESTS
from streams.desk.checking.resolve import Resolver
from streams.desk.checking.resolved import MAX_MEDIA
from streams.errors import RecordError, UnprocessableError
from streams.links.addresses import AddressPolicy
from tests.support.deadline import DEADLINE_S
from tests.support.platforms.http_server import Response
from tests.unit.desk.checking.trouble import HTML, Site, meta, page

MEDIA = MediaSettings(allowed_hosts=("127.0.0.1",))
XML = {"Content-Type": "application/rss+xml"}
MASTER = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.42e01e,mp4a.40.2"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=1920x1080,CODECS="avc1.42e01e,mp4a.40.2"
high.m3u8
"""


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as running:
        running.pages |= {
            "/one": page("<title>a river</title>", body=setup('"file": "/clip.mp4", "title": "a boat"')),
            "/sizes": page(body=setup(f'"sources": [{sources(1080, 480, 240)}]')),
            "/hls": page(body=setup('"file": "/master.m3u8"')),
            "/master.m3u8": Response(200, MASTER, {"Content-Type": "application/vnd.apple.mpegurl"}),
            "/list": page(body=setup(f'"playlist": [{entries(3_000)}]')),
            "/feed": feed(*(f"{running.url}/feed/{n}" for n in range(100))),
            **{f"/feed/{n}": feed(*(f"{running.url}/leaf/{n}/{m}" for m in range(100))) for n in range(100)},
            "/pictured": page(meta("og:image", "/thumb.jpg"), body=setup('"file": "/clip.mp4"')),
        }
        yield running


@pytest.fixture
async def resolver() -> AsyncIterator[Resolver]:
    policy = AddressPolicy(MEDIA.allowed_hosts)
    async with Extractor(MEDIA, policy) as extractor, Resolver(MEDIA, policy, last=extractor) as running:
        yield running


def setup(player: str) -> str:
    return f'<div id="p"></div><script>jwplayer("p").setup({{{player}}});</script>'


def sources(*heights: int) -> str:
    return ", ".join(f'{{"file": "/{height}.mp4", "height": {height}, "width": {2 * height}}}' for height in heights)


def entries(n: int) -> str:
    return ", ".join(f'{{"file": "/m/{index}.mp4", "title": "n{index}"}}' for index in range(n))


def feed(*links: str) -> Response:
    items = "".join(f"<item><title>one</title><link>{link}</link></item>" for link in links)
    return Response(200, f'<rss version="2.0"><channel><title>c</title>{items}</channel></rss>'.encode(), XML)


@pytest.mark.parametrize(
    ("path", "media", "n_named"),
    [
        ("/one", ["/clip.mp4"], 1),
        ("/sizes", ["/480.mp4"], 1),
        ("/hls", ["/master.m3u8"], 1),
        ("/list", [f"/m/{n}.mp4" for n in range(MAX_MEDIA)], 3_000),
        ("/pictured", ["/clip.mp4", "/thumb.jpg"], 2),
    ],
)
async def test_media_that_a_page_names_in_scripts_only_are_found(
    site: Site, resolver: Resolver, path: str, media: list[str], n_named: int
) -> None:
    found = await resolver.resolve(site.url + path)
    assert [medium.url.removeprefix(site.url) for medium in found.media] == media
    assert (found.address, found.n_named, found.missing) == (site.url + path, n_named, None)


async def test_the_words_of_the_page_and_of_its_video_are_searched(site: Site, resolver: Resolver) -> None:
    assert (await resolver.resolve(f"{site.url}/one")).words == "a river\n\na boat"


async def test_a_page_that_names_its_media_itself_is_not_extracted(site: Site, resolver: Resolver) -> None:
    await resolver.resolve(f"{site.url}/og")
    assert site.count("/og") == 1


async def test_a_list_of_lists_that_wants_ten_thousand_requests_gets_a_few(site: Site, resolver: Resolver) -> None:
    with pytest.raises(UnprocessableError) as refused:
        await resolver.resolve(f"{site.url}/feed")
    assert refused.value.reason == "page_without_media"
    assert len(site.requests) == 1 + MAX_REQUESTS
    assert (await resolver.resolve(f"{site.url}/one")).media


async def test_a_page_of_pictures_keeps_them_where_nothing_else_is_found(site: Site, resolver: Resolver) -> None:
    found = await resolver.resolve(f"{site.url}/picture")
    assert ([medium.kind for medium in found.media], found.missing) == (["image"], None)


@pytest.mark.parametrize(
    ("path", "reason", "detail"),
    [
        ("/words", "page_without_media", "the page names no video, sound or picture; yt-dlp finds none"),
        ("/login", "link_login", "127.0.0.1 asks for a login"),
    ],
)
async def test_a_page_without_media_is_one_still(
    site: Site, resolver: Resolver, path: str, reason: str, detail: str
) -> None:
    with pytest.raises(RecordError) as refused:
        await resolver.resolve(site.url + path)
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


@pytest.mark.parametrize("place", ["http://169.254.169.254/a.m3u8", "/inside.m3u8"])
async def test_a_players_private_address_is_not_asked_also_after_a_redirect(
    site: Site, resolver: Resolver, place: str
) -> None:
    site.pages["/inside.m3u8"] = Response(302, headers={"Location": "http://169.254.169.254/a.m3u8"})
    site.pages["/hls"] = page(body=setup(f'"file": "{place}"'))
    with pytest.raises(RecordError, match=r"169\.254\.169\.254 leads to the non-public"):
        await resolver.resolve(f"{site.url}/hls")


async def test_a_page_that_hangs_for_the_extractor_has_its_reason(
    site: Site, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_REQUEST_S", 0.5)
    site.fail_next("timeout", path="/master.m3u8", times=10)
    with pytest.raises(RecordError, match="no answer in time"):
        await resolver.resolve(f"{site.url}/hls")


async def test_a_child_that_is_killed_costs_its_page_only(site: Site, resolver: Resolver) -> None:
    site.fail_next("timeout", path="/master.m3u8", times=10)
    before = children()  # of other tests
    hanging = asyncio.create_task(resolver.resolve(f"{site.url}/hls"))
    await until(lambda: site.count("/master.m3u8") > 0)
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    with pytest.raises(RecordError) as refused:
        await hanging
    assert refused.value.reason == "page_without_media"
    assert (await resolver.resolve(f"{site.url}/one")).media


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(DEADLINE_S / 0.05)):
        if is_so():
            return
        await asyncio.sleep(0.05)
    pytest.fail("not within the deadline")


def children() -> set[int]:
    """Return the child processes of this one."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended since
            state, parent, *_ = file.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split(" ")
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(file.parent.name))
    return found


async def test_each_page_has_a_child_of_its_own_that_ends_with_it(site: Site, resolver: Resolver) -> None:
    before = children()  # of other tests
    await resolver.resolve(f"{site.url}/one")
    assert children() <= before


async def test_cookies_are_those_of_one_page(site: Site, resolver: Resolver) -> None:
    site.pages["/hls"] = Response(200, site.pages["/hls"].body, {**HTML, "Set-Cookie": "watched=1"})
    for _ in range(2):
        await resolver.resolve(f"{site.url}/hls")
    cookies = [(one.path, one.headers.get("cookie")) for one in site.requests if "Chrome" in one.headers["user-agent"]]
    assert cookies == [("/hls", None), ("/master.m3u8", "watched=1")] * 2


async def test_an_answer_that_is_compressed_although_nobody_asked_is_read(site: Site, resolver: Resolver) -> None:
    headers = {"Content-Type": "application/vnd.apple.mpegurl", "Content-Encoding": "gzip"}
    site.pages["/master.m3u8"] = Response(200, gzip.compress(MASTER), headers)
    (medium,) = (await resolver.resolve(f"{site.url}/hls")).media
    assert medium.url == f"{site.url}/master.m3u8"
