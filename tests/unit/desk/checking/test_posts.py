"""Pages of posts, read by the interfaces of their platforms."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from schemas.ids import record_id
from streams.desk.checking.outcomes import Outcome
from streams.desk.checking.readers.bluesky import BlueskyPosts, page_of
from streams.desk.checking.readers.mastodon import MastodonPosts
from streams.desk.checking.resolve import Resolver
from streams.desk.checking.resolved import MAX_MEDIA, PageReader, Resolved
from streams.desk.search.bluesky_server import BlueskyServer
from streams.desk.search.settings import SearchSettings
from streams.errors import RecordError
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client
from tests.support.platforms.http_server import LocalServer, Request, Response, reply
from tests.unit.desk.checking.test_resolve import MEDIA
from tests.unit.desk.checking.trouble import meta, page
from tests.unit.desk.search.served import DID, status, view

AT = datetime(2026, 3, 1, tzinfo=UTC)
BLOB = "https://bsky.social/xrpc/com.atproto.sync.getBlob?did=did:plc:mallory&cid="


class Platform(LocalServer):
    """Bluesky's interface, and a server of Mastodon with its pages."""

    main = "/xrpc/app.bsky.feed.getPosts"

    def __init__(self) -> None:
        super().__init__()
        self.views = {"k1": view("k1", "a clip", AT, video="bafyvideo")}
        self.statuses: dict[str, Any] = {}
        self.pages = {"/@m/7": page(meta("og:video", "/clip.mp4"))}

    def own(self, number: int, **fields: Any) -> dict[str, Any]:
        """Add a status of this server."""
        made = status(number, "words", video=f"{self.url}/media/{number}.mp4") | {
            "uri": f"{self.url}/users/m/statuses/{number}", "url": f"{self.url}/@m/{number}",
        } | fields  # fmt: skip
        self.statuses[str(number)] = made
        return made

    def answer(self, request: Request) -> Response:
        if request.path == self.main:
            (uri,) = request.query["uris"]
            found = self.views.get(uri.removeprefix(f"at://{DID}/app.bsky.feed.post/"))
            return reply({"posts": [found] if found else []})
        if request.path == "/xrpc/com.atproto.identity.resolveHandle":
            known = request.query["handle"] == ["mallory.test"]
            return reply({"did": DID}) if known else reply({"error": "InvalidRequest"}, 400)
        number = request.path.removeprefix("/api/v1/statuses/")
        return reply(self.statuses[number]) if number in self.statuses else self.pages.get(request.path, Response(404))


@pytest.fixture
async def server() -> AsyncIterator[Platform]:
    async with Platform() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(AddressPolicy(["127.0.0.1"]), timeout_s=5, max_connections=8) as made:
        yield made


def bluesky(server: Platform, client: httpx.AsyncClient) -> BlueskyPosts:
    return BlueskyPosts(BlueskyServer(SearchSettings(bluesky=server.url), client))


async def resolve(reader: PageReader, address: str) -> Resolved:
    async with Resolver(MEDIA, readers=[reader]) as resolver:
        return await resolver.resolve(address)


@pytest.mark.parametrize("account", [DID, "mallory.test", "did%3Aplc%3Amallory"])
async def test_a_post_of_bluesky_has_the_id_of_the_live_feed(
    server: Platform, client: httpx.AsyncClient, account: str
) -> None:
    found = await bluesky(server, client).read(f"https://bsky.app/profile/{account}/post/k1?ref_src=embed")
    assert found is not None
    assert found.post is not None
    assert found.post.post_id == record_id("bluesky", f"at://{DID}/app.bsky.feed.post/k1", "bafyreik1")
    assert (found.post.platform, found.address, found.words) == ("bluesky", found.post.url, "a clip")
    assert [(medium.url, medium.kind) for medium in found.media] == [(f"{BLOB}bafyvideo", "video")]


def test_an_at_uri_is_that_of_a_page() -> None:
    assert page_of("at://mallory.test/app.bsky.feed.post/k1") == "https://bsky.app/profile/mallory.test/post/k1"
    for other in ("at://mallory.test/app.bsky.feed.like/k1", "at://x/app.bsky.feed.post/k1/more", "https://x.example/"):
        assert page_of(other) == other


async def test_all_pictures_of_a_post_are_looked_at(server: Platform, client: httpx.AsyncClient) -> None:
    blobs = [{"image": {"ref": {"$link": f"bafy{number}"}}, "alt": ""} for number in range(4)]
    server.views["k1"]["record"]["embed"] = {"$type": "app.bsky.embed.images", "images": blobs}
    found = await bluesky(server, client).read(f"https://bsky.app/profile/{DID}/post/k1")
    assert found is not None
    assert [medium.url.removeprefix(BLOB) for medium in found.media] == [f"bafy{number}" for number in range(4)]


async def test_a_post_that_the_platform_does_not_have_is_gone(server: Platform, client: httpx.AsyncClient) -> None:
    with pytest.raises(RecordError) as refused:
        await bluesky(server, client).read(f"https://bsky.app/profile/{DID}/post/gone")
    assert refused.value.reason == "link_gone"


async def test_pages_that_are_no_posts_are_not_asked_for(server: Platform, client: httpx.AsyncClient) -> None:
    for other in (f"https://bsky.app/profile/{DID}", f"https://bsky.example/profile/{DID}/post/k1",
                  f"https://bsky.app/profile/{DID}/post/k1/liked-by"):  # fmt: skip
        assert await bluesky(server, client).read(other) is None
    for other in ("/@m", "/@m/video/7", "/@m/x7", "/users/m/statuses/7/activity", "/users/7"):
        assert await MastodonPosts(client).read(f"{server.url}{other}") is None
    assert server.requests == []


@pytest.mark.parametrize("failure", [401, 403, 500, "rate_limit", "nonsense", "empty", "reset", "endless"])
async def test_where_the_interface_refuses_the_page_is_read(
    server: Platform, client: httpx.AsyncClient, failure: str | int
) -> None:
    server.fail_next(failure)
    assert await bluesky(server, client).read(f"https://bsky.app/profile/{DID}/post/k1") is None
    server.own(7)
    server.fail_next(failure, path="/api/v1/statuses/7")
    found = await resolve(MastodonPosts(client), f"{server.url}/@m/7")
    assert (found.post, [medium.url for medium in found.media]) == (None, [f"{server.url}/clip.mp4"])


@pytest.mark.parametrize("path", ["/@m/7", "/@m@other.example/7", "/users/m/statuses/7", "/ap/users/1/statuses/7"])
async def test_a_post_of_mastodon_has_the_id_of_the_live_feed(
    server: Platform, client: httpx.AsyncClient, path: str
) -> None:
    made = server.own(7)
    found = await resolve(MastodonPosts(client), f"{server.url}{path}")
    assert found.post is not None
    assert found.post.post_id == record_id("mastodon", made["uri"], "")
    assert (found.post.url, found.words) == (made["url"], "words")
    assert [(medium.url, medium.kind) for medium in found.media] == [(f"{server.url}/media/7.mp4", "video")]


async def test_a_server_gives_no_posts_of_another(server: Platform, client: httpx.AsyncClient) -> None:
    victims = "https://victim.example"
    for stolen in ({"uri": f"{victims}/users/v/statuses/1"}, {"url": f"{victims}/@v/1"},
                   {"reblog": status(9, "stolen")}, {"uri": f"{server.url}.victim.example/users/v/1"}):  # fmt: skip
        server.own(7, **stolen)
        found = await resolve(MastodonPosts(client), f"{server.url}/@m/7")
        assert (found.post, found.address) == (None, f"{server.url}/@m/7")


async def test_a_post_of_another_server_is_asked_of_that_server(server: Platform, client: httpx.AsyncClient) -> None:
    async with Platform() as origin:
        made = origin.own(3)
        server.statuses["7"] = made | {"content": "changed on the way"}
        found = await resolve(MastodonPosts(client), f"{server.url}/@m@origin/7")
        assert found.post is not None
        assert (found.post.url, found.words) == (made["url"], "words")


async def test_the_token_goes_to_the_server_of_the_settings_only(server: Platform, client: httpx.AsyncClient) -> None:
    async with Platform() as other:
        for each in (server, other):
            each.own(7)
            assert await MastodonPosts(client, server.url, "secret").read(f"{each.url}/@m/7") is not None
        assert server.requests[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in other.requests[0].headers


async def test_a_private_server_is_not_asked(server: Platform) -> None:
    server.own(7)
    async with guarded_client(AddressPolicy(), timeout_s=5, max_connections=8) as client:
        assert await MastodonPosts(client).read(f"{server.url}/@m/7") is None
    assert server.n_connections == 0


async def test_media_beyond_the_limit_are_counted(server: Platform, client: httpx.AsyncClient) -> None:
    attachment = server.own(7)["media_attachments"][0]
    server.own(7, media_attachments=[attachment | {"url": f"{server.url}/{n}.mp4"} for n in range(3_000)])
    found = await resolve(MastodonPosts(client), f"{server.url}/@m/7")
    assert found.post is not None
    assert (len(found.post.media), found.n_named) == (MAX_MEDIA, 3_000)


async def test_a_part_that_cannot_be_read_makes_the_answer_unread(server: Platform, client: httpx.AsyncClient) -> None:
    server.views["k1"]["record"]["embed"] = {"$type": "app.bsky.embed.video", "video": "none"}
    found = await bluesky(server, client).read(f"https://bsky.app/profile/{DID}/post/k1")
    assert found is not None
    assert found.post is not None
    (letter,) = found.letters
    outcome = Outcome("a", found.post, found, None, 0.0)
    outcome.add_letter(letter, None)
    assert (outcome.answer().result, letter.key) == ("unread", found.post.post_id.encode())
