from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.decode.settings import MediaSettings
from streams.errors import RecordError, TransientError, UnprocessableError
from tests.unit.decode.served import Server, response
from tests.unit.decode.test_fetch import refusal

OBJECT_HEADERS = {"ETag": '"1"', "Last_Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}


@pytest.fixture
async def fetcher(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fetcher]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    store: Any = {"s3_buckets": ("clips",), "s3_endpoint": server.url("")}
    async with Fetcher(MediaSettings(**store, temporary_folder=tmp_path, max_bytes=1000)) as fetcher:
        yield fetcher


async def test_an_object_becomes_a_file(server: Server, fetcher: Fetcher) -> None:
    server.answers["/clips/2026/a.mp4"] = response(body=b"clip", **OBJECT_HEADERS)
    async with fetcher.fetch("s3://clips/2026/a.mp4") as path:
        assert path.read_bytes() == b"clip"
    assert "AWS4-HMAC-SHA256 Credential=key/" in server.requests[0]


async def test_a_bucket_that_is_not_allowed_is_refused_without_a_request(server: Server, fetcher: Fetcher) -> None:
    assert await refusal(fetcher, "s3://backups/database") == (UnprocessableError, "link_forbidden")
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (response("404 Not Found"), UnprocessableError, "link_gone"),
        (response("403 Forbidden"), UnprocessableError, "link_forbidden"),
        (response("503 Slow Down"), TransientError, "link_unavailable"),
        (response(body=b"x" * 1001, **OBJECT_HEADERS), UnprocessableError, "media_too_large"),
    ],
    ids=["no object", "refused credentials", "a failing store", "an object beyond the size cap"],
)
async def test_an_answer_decides_whether_to_try_again(
    server: Server, fetcher: Fetcher, answer: bytes, kind: type[RecordError], reason: str
) -> None:
    server.answers["/clips/a"] = answer
    assert await refusal(fetcher, "s3://clips/a") == (kind, reason)
