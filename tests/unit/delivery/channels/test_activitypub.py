import pytest

from streams.delivery.channels.make import make_channel
from streams.delivery.platforms.registry import ActivityPubChannel
from streams.errors import UsageError
from tests.support.platforms.activitypub import ACTOR, LocalFediverse
from tests.support.platforms.http_server import Request, Response
from tests.unit.delivery.channels.made import KEY, Text, channel_to, notice, settings


async def test_a_signed_flag_names_author_and_post() -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        url = server.add_post("1")
        answer = await channel.send(notice(url), KEY)
    (flag,) = server.flags
    assert (answer.outcome, answer.status, server.n_forged) == ("delivered", 202, 0)
    assert (flag["actor"], flag["id"]) == (ACTOR, f"{ACTOR}#flags/{KEY}")
    assert flag["object"] == [f"{server.url}/users/mallory", url]
    assert "동의 없이" in flag["content"]


async def test_posts_of_one_author_are_one_flag() -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        urls = [server.add_post("1"), server.add_post("2"), server.add_post("3", "eve")]
        await channel.send(notice(*urls), KEY)
    assert [flag["object"][1:] for flag in server.flags] == [urls[:2], urls[2:]]


async def test_a_request_signed_by_another_key_is_turned_away() -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        channel._signer._key_id = "https://elsewhere.example/actor#main-key"  # type: ignore[attr-defined]
        answer = await channel.send(notice(server.add_post("1")), KEY)
    assert (answer.outcome, answer.status) == ("failed", 401)
    assert (server.flags, server.n_forged) == ([], 1)


async def test_a_post_that_is_gone_is_refused() -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        url = server.add_post("1")
        server.remove_post("1")
        answer = await channel.send(notice(url), KEY)
    assert (answer.outcome, answer.status) == ("refused", 410)


async def test_nobody_is_flagged_for_a_post_of_another_server() -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        url = server.add_post("1")
        server.posts["/notes/1"]["attributedTo"] = "https://innocent.example/users/alice"
        answer = await channel.send(notice(url), KEY)
    assert (answer.outcome, answer.error) == ("refused", "author_elsewhere")
    assert server.flags == []


async def test_a_redirect_to_the_post_is_followed_and_signed_anew() -> None:
    class Redirecting(LocalFediverse):
        def answer(self, request: Request) -> Response:
            if request.path == "/@mallory/1":
                return Response(302, headers={"Location": "/notes/1"})
            return super().answer(request)

    async with Redirecting() as server, channel_to(server) as channel:
        server.add_post("1")
        answer = await channel.send(notice(f"{server.url}/@mallory/1"), KEY)
    assert answer.outcome == "delivered"
    assert server.flags[0]["object"][1] == f"{server.url}/notes/1"


async def test_redirects_without_end_are_a_failure() -> None:
    class Redirecting(LocalFediverse):
        def answer(self, request: Request) -> Response:
            return Response(302, headers={"Location": request.path + "x"})

    async with Redirecting() as server, channel_to(server) as channel:
        answer = await channel.send(notice(f"{server.url}/@mallory/1"), KEY)
    assert (answer.outcome, answer.error) == ("failed", "redirect_loop")


async def test_a_malformed_redirect_is_refused() -> None:
    class Redirecting(LocalFediverse):
        def answer(self, request: Request) -> Response:  # noqa: ARG002 - the base's
            return Response(302, headers={"Location": "http://["})

    async with Redirecting() as server, channel_to(server) as channel:
        answer = await channel.send(notice(f"{server.url}/@mallory/1"), KEY)
    assert answer.outcome == "refused"


@pytest.mark.parametrize("url", ["", "no address", "ftp://example.org/1", "https://\ud55c.\u200b/"])
async def test_a_malformed_address_is_refused(url: str) -> None:
    async with LocalFediverse() as server, channel_to(server) as channel:
        answer = await channel.send(notice(url), KEY)
    assert answer.outcome == "refused"
    assert answer.error.startswith("link_")


@pytest.mark.parametrize("pem", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_wrong_key_is_one_line_without_the_key(pem: str) -> None:
    entry = ActivityPubChannel(kind="activitypub", actor=ACTOR, secret="mine")
    with pytest.raises(UsageError, match="the secret mine is not an RSA private key") as error:
        make_channel(entry, settings(secrets={"mine": pem}), renderer=Text())
    assert "AAAA" not in repr(error.value)
