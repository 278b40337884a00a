from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.decode.settings import MediaSettings
from streams.errors import RecordError, TransientError, UnprocessableError
from tests.unit.decode.served import Server, response, serving

OBJECT_HEADERS = {"ETag": '"1"', "Last_Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    async with serving() as running:
        yield running


@pytest.fixture
async def fetcher(server: Server, tmp_path: Path) -> AsyncIterator[Fetcher]:
    settings = MediaSettings(
        s3_buckets=("clips",), s3_endpoint=server.url(""), temporary_folder=tmp_path, max_bytes=1000
    )
    async with Fetcher(settings) as fetcher:
        yield fetcher


async def refusal(fetcher: Fetcher, url: str) -> tuple[type[RecordError], str]:
    with pytest.raises(RecordError) as refused:
        async with fetcher.fetch(url):
            pass
    return type(refused.value), refused.value.reason


async def test_an_object_becomes_a_file(server: Server, fetcher: Fetcher) -> None:
    server.answers["/clips/2026/a.mp4"] = response(body=b"clip", **OBJECT_HEADERS)
    async with fetcher.fetch("s3://clips/2026/a.mp4") as path:
        assert path.read_bytes() == b"clip"
    assert "AWS4-HMAC-SHA256 Credential=key/" in server.requests[0]


async def test_a_bucket_that_is_not_allowed_is_refused_without_a_request(server: Server, fetcher: Fetcher) -> None:
    assert await refusal(fetcher, "s3://backups/database") == (UnprocessableError, "link_forbidden")
    assert server.requests == []


async def test_a_missing_object_is_gone(fetcher: Fetcher) -> None:
    assert await refusal(fetcher, "s3://clips/none") == (UnprocessableError, "link_gone")


async def test_refused_credentials_are_unprocessable(server: Server, fetcher: Fetcher) -> None:
    server.answers["/clips/a"] = response("403 Forbidden")
    assert await refusal(fetcher, "s3://clips/a") == (UnprocessableError, "link_forbidden")


async def test_a_failing_store_is_tried_again(server: Server, fetcher: Fetcher) -> None:
    server.answers["/clips/a"] = response("503 Slow Down")
    assert await refusal(fetcher, "s3://clips/a") == (TransientError, "link_unavailable")


async def test_an_object_beyond_the_size_cap_is_refused(server: Server, fetcher: Fetcher) -> None:
    server.answers["/clips/a"] = response(body=b"x" * 1001, **OBJECT_HEADERS)
    assert await refusal(fetcher, "s3://clips/a") == (UnprocessableError, "media_too_large")
