"""Links made to reach what only we can reach, or to hold us up: each is refused, and nothing is reached."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.settings import MediaSettings
from streams.errors import RecordError, UnprocessableError
from streams.links.addresses import AddressPolicy
from tests.unit.decode.served import Server, response

INSIDE = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://localhost.:{port}/", "http://127.1:{port}/",
    "http://0x7f000001:{port}/", "http://0x7f.1:{port}/", "http://2130706433:{port}/", "http://0177.0.0.1:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://[::]:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://[::7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/", "http://[2002:7f00:1::]:{port}/", "http://[fe80::1%25lo]:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/", "http://127\u30020\u30020\u30021:{port}/", "http://\u246027.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/", "http://example.org@127.0.0.1:{port}/", "http://a:b@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.org/", "http://127.0.0.1:{port}#@example.org/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/", "http://100.100.100.200/latest/",
    "http://192.168.0.1/", "http://10.0.0.1/", "http://172.16.0.1/", "http://198.18.0.1/",
]  # fmt: skip
"""Addresses inside, in every form that some parser takes for one."""

FILES = [
    "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file:etc/passwd", "file://localhost/etc/passwd",
    "file://127.0.0.1/etc/passwd", "file://{root}/../secret", "file://{root}/%2e%2e/secret", "file://{root}/..%2fsecret",
    "file://{root}/link", "file://{root}/a%00b", "file://{root}/%ff%fe", "file://{root}/" + "a" * 5000, "file://{root}",
    "file:///proc/self/environ", "file:///dev/zero",
]  # fmt: skip

ENDINGS: dict[str, tuple[bytes, str]] = {
    "a length below zero": (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nmedia", "link_unavailable"),
    "a length that is no number": (b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nmedia", "link_unavailable"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nmedia", "link_unavailable"),
    "a length beyond the body": (response(Content_Length=900) + b"media", "link_unavailable"),
    "a length beyond the cap": (response(Content_Length=10**15) + b"media", "media_too_large"),
    "a length of five hundred digits": (response(Content_Length="9" * 500) + b"media", "link_unavailable"),
    "headers without end": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000, "link_unavailable"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "link_unavailable"),
    "a broken chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nmedia", "link_unavailable"),
    "a redirect nowhere": (response("302 Found", Location="http://"), "link_unavailable"),
    "a redirect that is no address": (response("302 Found", Location="http://[::1/"), "link_unavailable"),
}


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[Fetcher]:
    async with Fetcher(settings(tmp_path)) as fetcher:
        yield fetcher


def settings(folder: Path, **changes: Any) -> MediaSettings:
    limits: dict[str, Any] = {"max_bytes": 100_000, "fetch_timeout_s": 20.0, "temporary_folder": folder}
    return MediaSettings(**limits | changes)


async def reason(fetcher: Fetcher, url: str) -> str:
    """Return the reason of the refusal; its text for the operator names no credentials."""
    with pytest.raises(RecordError) as refused:
        async with fetcher.fetch(url):
            pass
    assert "secret" not in refused.value.detail
    return refused.value.reason


@pytest.mark.parametrize("link", INSIDE)
async def test_no_form_of_an_address_leads_inside(server: Server, fetcher: Fetcher, link: str) -> None:
    found = await reason(fetcher, link.format(port=server.port))
    assert found in {"link_private_address", "link_malformed", "link_unavailable"}
    assert server.requests == []


@pytest.mark.parametrize("link", INSIDE)
async def test_no_redirect_leads_inside(server: Server, tmp_path: Path, link: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "start.example" else await by_dns(host, port)

    by_dns = AddressPolicy()._resolve
    other = Server()
    listener = await asyncio.start_server(other.accept, "127.0.0.1", 0)
    target = link.format(port=listener.sockets[0].getsockname()[1]).encode()
    server.answers["/"] = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target + b"\r\n\r\n"
    policy = AddressPolicy([f"start.example:{server.port}"], resolve)
    async with listener, Fetcher(settings(tmp_path), policy) as fetcher:
        await reason(fetcher, server.url("/", "start.example"))
    assert len(server.requests) == 1
    assert other.requests == []


@pytest.mark.parametrize("link", FILES)
async def test_no_file_outside_the_allowed_folders_is_read(tmp_path: Path, link: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    async with Fetcher(settings(tmp_path, file_roots=(root,))) as fetcher:
        assert await reason(fetcher, link.format(root=root)) in {"link_forbidden", "link_gone", "link_malformed"}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_answer_made_to_confuse_has_its_reason(server: Server, tmp_path: Path, ending: str) -> None:
    server.answers["/a"], expected = ENDINGS[ending]
    async with Fetcher(settings(tmp_path, allowed_hosts=("127.0.0.1",))) as fetcher:
        assert await reason(fetcher, server.url("/a", "user:secret@127.0.0.1")) == expected


async def test_bytes_beyond_the_declared_length_are_not_taken(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = response(Content_Length=5) + b"media and more"
    within = settings(tmp_path, allowed_hosts=("127.0.0.1",))
    async with Fetcher(within) as fetcher, fetcher.fetch(server.url("/a")) as path:
        assert path.read_bytes() == b"media"


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "deflate", "br", "zstd"])
async def test_a_compressed_bomb_is_not_unpacked(server: Server, tmp_path: Path, coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    server.answers["/a"] = response(body=bomb, Content_Encoding=coding)
    within = settings(tmp_path, allowed_hosts=("127.0.0.1",))
    async with Fetcher(within) as fetcher, fetcher.fetch(server.url("/a")) as path:
        assert path.read_bytes() == bomb


async def test_answers_without_end_before_the_real_one_end_at_the_time_cap(server: Server, tmp_path: Path) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.answers["/a"] = endless
    async with Fetcher(settings(tmp_path, allowed_hosts=("127.0.0.1",), fetch_timeout_s=0.5)) as fetcher:
        assert await reason(fetcher, server.url("/a")) == "link_timeout"


async def test_credentials_of_a_link_do_not_follow_a_redirect_to_another_host(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = response("302 Found", Location=server.url("/b", "localhost"))
    server.answers["/b"] = response(body=b"media")
    within = settings(tmp_path, allowed_hosts=("127.0.0.1", "localhost"))
    async with Fetcher(within) as fetcher, fetcher.fetch(server.url("/a", "user:secret@127.0.0.1")):
        pass
    assert ["Authorization" in request for request in server.requests] == [True, False]


async def decoded(decoder: Decoder, path: Path) -> None:
    async with aclosing(decoder.segments(path, await decoder.scan(path))) as segments:
        async for _ in segments:
            pass


@pytest.mark.parametrize("playlist", [
    "#EXTM3U\n#EXTINF:1,\n{inside}\n",
    "#EXTM3U\n#EXTINF:1,\nfile:{secret}\n",
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}\n",
    "ffconcat version 1.0\nfile '{secret}'\n",
    "ffconcat version 1.0\nfile '{inside}'\n",
    '<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{inside}</BaseURL></AdaptationSet></Period></MPD>',
    "v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    "concat:{secret}|{secret}",
    "subfile,,start,0,end,9,,:{secret}",
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="{inside}"/></svg>',
])  # fmt: skip
async def test_no_playlist_opens_another_medium(server: Server, tmp_path: Path, playlist: str) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    text = playlist.format(inside=server.url("/inside.ts"), secret=secret, port=server.port)
    path = tmp_path / "medium.mp4"
    path.write_text(text)
    async with Decoder(MediaSettings()) as decoder:
        with pytest.raises(UnprocessableError) as refused:
            await decoded(decoder, path)
    assert refused.value.reason in {"media_unreadable", "media_no_streams", "media_playlist"}
    assert server.requests == []
