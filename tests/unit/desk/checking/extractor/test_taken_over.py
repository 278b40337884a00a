"""What a page can do that has taken over the extractor's child process."""

from collections.abc import AsyncIterator

import pytest

from streams.decode.settings import MediaSettings
from streams.desk.checking.extractor import extractor, relay
from streams.desk.checking.extractor.extractor import Extractor
from streams.desk.checking.extractor.wire import MAX_ANSWER_BYTES, MAX_REQUESTS
from streams.errors import RecordError, TransientError
from streams.links.addresses import AddressPolicy
from tests.support.platforms.http_server import Response
from tests.unit.desk.checking.trouble import Site

WORK = "tests.unit.desk.checking.extractor.taken_over:work"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as running:
        yield running


@pytest.fixture
async def taken() -> AsyncIterator[Extractor]:
    async with Extractor(MediaSettings(), AddressPolicy(["127.0.0.1"]), WORK) as running:
        yield running


async def words(taken: Extractor, address: str) -> list[str]:
    return (await taken.read(address)).words.split("\n")


async def test_it_can_open_no_socket_file_or_process(taken: Extractor, site: Site) -> None:
    assert set(await words(taken, f"{site.url}/reach_out")) == {"refused"}
    assert not any(taken._sandbox.report.values())


async def test_it_reaches_public_addresses_and_the_pages_own_host_by_its_parent_only(
    taken: Extractor, site: Site
) -> None:
    async with Site() as other:
        private = [
            "http://169.254.169.254/",
            "http://10.0.0.1/",
            "http://[::1]/",
            "http://localhost/",
            f"{other.url}/og",
        ]
        outcomes = await words(taken, f"{site.url}/ask?{','.join([*private, f'{site.url}/og'])}")
        assert all("leads to the non-public" in outcome for outcome in outcomes[:-1]), outcomes
        assert outcomes[-1].startswith("200 ")
        assert other.requests == []


async def test_of_ten_thousand_requests_the_first_few_are_sent(taken: Extractor, site: Site) -> None:
    outcomes = await words(taken, f"{site.url}/ask_much?{site.url}/og")
    assert f"more than {MAX_REQUESTS} requests for one page" in outcomes
    assert site.count("/og") == MAX_REQUESTS


async def test_bytes_of_an_answer_and_of_all_answers_are_limited(
    taken: Extractor, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MAX_ANSWER_BYTES", 1_000)
    monkeypatch.setattr(relay, "MAX_BYTES", 1_500)
    site.pages["/long"] = Response(200, b"x" * 1_000)
    outcomes = await words(taken, f"{site.url}/ask?{','.join([f'{site.url}/long'] * 3)}")
    assert outcomes == ["200 1000", "200 500", "more than 1500 bytes for one page"]


async def test_an_endless_and_a_silent_answer_are_cut_off(
    taken: Extractor, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_REQUEST_S", 0.5)
    for failure in ("endless", "timeout"):
        site.fail_next(failure, path=f"/{failure}")
    outcomes = await words(taken, f"{site.url}/ask?{site.url}/endless,{site.url}/timeout")
    assert outcomes == [f"200 {MAX_ANSWER_BYTES}", "no answer in time"]


async def test_a_request_beyond_its_size_ends_the_conversation(taken: Extractor, site: Site) -> None:
    assert await words(taken, f"{site.url}/break_off") == ["b''"]


async def test_what_it_names_is_checked_and_cut(taken: Extractor, site: Site) -> None:
    found = await taken.read(f"{site.url}/lie")
    assert [medium.url for medium in found.media] == [f"{site.url}/lie?{n}" for n in range(20)]
    assert (len(found.words), found.n_named) == (5_000, 1_000_000)


@pytest.mark.parametrize(
    ("action", "reason", "detail"),
    [
        ("exit", "page_without_media", "yt-dlp: its process ended"),
        ("allocate", "page_without_media", "yt-dlp: it needs too much memory"),
        ("raise", "page_without_media", "yt-dlp: it failed"),
        ("mumble", "page_without_media", "yt-dlp: it failed"),
        ("refuse", "page_without_media", "yt-dlp:  [31mred "),
    ],
)
async def test_whatever_becomes_of_it_becomes_of_its_page_only(
    taken: Extractor, site: Site, action: str, reason: str, detail: str
) -> None:
    with pytest.raises(RecordError) as refused:
        await taken.read(f"{site.url}/{action}")
    assert (refused.value.reason, refused.value.detail) == (reason, detail)
    assert await words(taken, f"{site.url}/ask?{site.url}/clip.mp4") == ["200 28"]


async def test_one_that_hangs_is_killed(taken: Extractor, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(extractor, "_TIME_S", 1.0)
        with pytest.raises(TransientError) as refused:
            await taken.read(f"{site.url}/hang")
    assert (refused.value.reason, refused.value.detail) == ("link_timeout", "yt-dlp took more than 1 s")
    assert await words(taken, f"{site.url}/ask?{site.url}/clip.mp4") == ["200 28"]
