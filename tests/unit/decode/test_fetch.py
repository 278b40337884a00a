import asyncio
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.errors import RecordError, TransientError, UnprocessableError
from streams.links.addresses import AddressPolicy
from tests.unit.decode.served import Server, response, settings


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def refusal(fetcher: Fetcher, url: str) -> tuple[type[RecordError], str]:
    """Return the type and the reason of the error."""
    with pytest.raises(RecordError) as refused:
        async with fetcher.fetch(url):
            pass
    return type(refused.value), refused.value.reason


async def test_a_fetched_file_is_removed_after_use(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    server.answers["/clip"] = response(body=b"bytes of a clip")
    async with fetcher.fetch(server.url("/clip")) as path:
        assert path.read_bytes() == b"bytes of a clip"
    assert is_empty(tmp_path)


async def test_a_redirect_is_followed(server: Server, fetcher: Fetcher) -> None:
    server.answers["/short"] = response("302 Found", Location="/clip")
    server.answers["/clip"] = response(body=b"clip")
    async with fetcher.fetch(server.url("/short")) as path:
        assert path.read_bytes() == b"clip"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (response("404 Not Found", b"sorry"), UnprocessableError, "link_gone"),
        (response("410 Gone", b"sorry"), UnprocessableError, "link_gone"),
        (response("401 Unauthorized", b"sorry"), UnprocessableError, "link_forbidden"),
        (response("403 Forbidden", b"sorry"), UnprocessableError, "link_forbidden"),
        (response("400 Bad Request", b"sorry"), UnprocessableError, "link_refused"),
        (response("204 No Content", b"sorry"), UnprocessableError, "link_refused"),
        (response("429 Too Many Requests", b"sorry"), TransientError, "link_unavailable"),
        (response("500 Internal Server Error", b"sorry"), TransientError, "link_unavailable"),
        (response("503 Service Unavailable", b"sorry"), TransientError, "link_unavailable"),
        # A blob that is still processed has a reason of its own.
        (response("400 Bad Request", b'{"error":"BlobNotFound"}'), UnprocessableError, "link_not_yet"),
        (
            response("400 Bad Request", b'{"error":"InvalidRequest","message":"Blob not found"}'),
            UnprocessableError,
            "link_not_yet",
        ),
        (response("400 Bad Request", b'{"error":"RepoTakendown"}'), UnprocessableError, "link_refused"),
        (response("404 Not Found"), UnprocessableError, "link_gone"),
        (response(), UnprocessableError, "media_empty"),
    ],
)
async def test_an_answer_without_a_medium_has_its_reason(
    server: Server, fetcher: Fetcher, answer: bytes, kind: type[RecordError], reason: str
) -> None:
    server.answers["/clip"] = answer
    assert await refusal(fetcher, server.url("/clip")) == (kind, reason)


async def test_a_declared_size_beyond_the_cap_is_refused_before_reading(server: Server, fetcher: Fetcher) -> None:
    async def declares_10_gb(writer: asyncio.StreamWriter) -> None:
        writer.write(response(Content_Length=10_000_000_000))
        await writer.drain()
        await asyncio.sleep(60)  # a fetcher that reads on would hang here and fail with link_timeout

    server.answers["/huge"] = declares_10_gb
    assert await refusal(fetcher, server.url("/huge")) == (UnprocessableError, "media_too_large")


async def test_an_endless_stream_is_cut_off_at_the_cap(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    server.answers["/endless"] = endless
    assert await refusal(fetcher, server.url("/endless")) == (UnprocessableError, "media_too_large")
    assert is_empty(tmp_path)


async def test_a_slow_response_ends_at_the_time_cap(server: Server, tmp_path: Path) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(response(Content_Length=1000))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.answers["/slow"] = slow
    async with Fetcher(settings(tmp_path, fetch_timeout_s=0.5)) as fetcher:
        assert await refusal(fetcher, server.url("/slow")) == (TransientError, "link_timeout")


async def test_a_server_that_sends_nothing_is_a_timeout(server: Server, tmp_path: Path) -> None:
    async def sends_nothing(_writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server.answers["/silent"] = sends_nothing
    async with Fetcher(settings(tmp_path, connect_timeout_s=0.3)) as fetcher:
        assert await refusal(fetcher, server.url("/silent")) == (TransientError, "link_timeout")


async def test_a_body_that_breaks_off_is_tried_again(server: Server, fetcher: Fetcher) -> None:
    server.answers["/broken"] = response(Content_Length=1000) + b"only this"
    assert await refusal(fetcher, server.url("/broken")) == (TransientError, "link_unavailable")


async def test_a_refused_connection_is_tried_again(fetcher: Fetcher) -> None:
    assert await refusal(fetcher, "http://127.0.0.1:1/clip") == (TransientError, "link_unavailable")


async def test_a_redirect_loop_ends(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a"] = response("302 Found", Location="/b")
    server.answers["/b"] = response("302 Found", Location="/a")
    assert await refusal(fetcher, server.url("/a")) == (UnprocessableError, "redirect_loop")


async def test_a_private_address_is_refused_without_a_request(server: Server, tmp_path: Path) -> None:
    async with Fetcher(settings(tmp_path, allowed_hosts=())) as fetcher:
        assert await refusal(fetcher, server.url("/clip")) == (UnprocessableError, "link_private_address")
        assert await refusal(fetcher, server.url("/clip", "localhost")) == (UnprocessableError, "link_private_address")
    assert server.requests == []


@pytest.mark.parametrize(
    ("reason", "targets"),
    [
        ("link_private_address", ["http://localhost:{port}/secret", "http://169.254.169.254/", "http://[::1]/"]),
        ("link_scheme", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"]),
    ],
)
async def test_a_redirect_to_a_private_address_or_another_scheme_is_refused(
    server: Server, fetcher: Fetcher, reason: str, targets: list[str]
) -> None:
    for target in targets:
        server.answers["/open"] = response("302 Found", Location=target.format(port=server.port))
        assert await refusal(fetcher, server.url("/open")) == (UnprocessableError, reason)
    assert len(server.requests) == len(targets)


async def test_the_connection_goes_to_the_address_that_was_checked(server: Server, tmp_path: Path) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    async def rebinding_dns(_host: str, _port: int) -> list[str]:
        return next(answers)

    server.answers["/clip"] = response(body=b"clip")
    policy, url = AddressPolicy(["127.0.0.1/32"], rebinding_dns), server.url("/clip", "rebinding.example")
    async with Fetcher(settings(tmp_path), policy) as fetcher:
        async with fetcher.fetch(url) as path:
            assert path.read_bytes() == b"clip"
        assert f"Host: rebinding.example:{server.port}" in server.requests[0]
        assert await refusal(fetcher, url) == (UnprocessableError, "link_private_address")


async def test_proxies_are_not_used(server: Server, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server.answers["/clip"] = response(body=b"clip")
    async with fetcher.fetch(server.url("/clip")) as path:
        assert path.read_bytes() == b"clip"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/clip", "link_scheme"),
        ("javascript:alert(1)", "link_scheme"),
        ("", "link_scheme"),
        ("http://", "link_malformed"),
        ("http://example.org:port/", "link_malformed"),
        ("http://[::1/", "link_malformed"),
        ("http://example.org/\x00", "link_malformed"),
        ("http://xn--/", "link_malformed"),
    ],
)
async def test_an_invalid_link_is_refused(fetcher: Fetcher, url: str, reason: str) -> None:
    assert await refusal(fetcher, url) == (UnprocessableError, reason)


async def test_a_file_under_an_allowed_root_is_read_in_place(tmp_path: Path) -> None:
    clip = tmp_path / "내 영상.mp4"
    clip.write_bytes(b"clip")
    async with Fetcher(settings(tmp_path, file_roots=(tmp_path,))) as fetcher:
        async with fetcher.fetch(clip.as_uri()) as path:
            assert path == clip
        assert clip.exists()
        assert await refusal(fetcher, (tmp_path / "none.mp4").as_uri()) == (UnprocessableError, "link_gone")


async def test_files_elsewhere_are_refused_also_through_links(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    async with Fetcher(settings(tmp_path, file_roots=(root,))) as fetcher:
        for url in ((root / "link").as_uri(), f"file://{root}/../secret", f"file://{root}/%2e%2e/secret"):
            assert await refusal(fetcher, url) == (UnprocessableError, "link_forbidden")


async def test_without_roots_no_file_is_read(fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"clip")
    assert await refusal(fetcher, (tmp_path / "clip").as_uri()) == (UnprocessableError, "link_forbidden")
