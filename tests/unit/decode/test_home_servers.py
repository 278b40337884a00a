"""Blobs of accounts on servers of their own: found by the document of the account's DID."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.errors import TransientError, UnprocessableError
from streams.links import did
from streams.links.did import document_address, server_of
from tests.unit.decode.served import Server, response, serving, settings
from tests.unit.decode.test_fetch import refusal

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
BLOB = f"/xrpc/com.atproto.sync.getBlob?did={DID}&cid=bafy"
NOT_HERE = response("400 Bad Request", b'{"error": "RepoNotFound", "message": "Could not find repo"}')


def document(server: str) -> bytes:
    services = [
        {"id": "#other", "type": "x", "serviceEndpoint": "https://wrong.example"},
        {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": server},
    ]
    return response(body=json.dumps({"id": DID, "service": services}).encode())


@pytest.fixture
async def home() -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


@pytest.fixture
async def fetcher(tmp_path: Path, server: Server) -> AsyncIterator[Fetcher]:
    """Yield a fetcher whose directory is the server of the links."""
    async with Fetcher(settings(tmp_path, plc_directory=server.url(""))) as made:
        yield made


async def fetched(fetcher: Fetcher, url: str) -> bytes:
    async with fetcher.fetch(url) as path:
        return path.read_bytes()


@pytest.mark.parametrize("answer", [NOT_HERE, response("404 Not Found"), response("403 Forbidden")])
async def test_a_blob_that_the_network_does_not_have_comes_from_its_accounts_server(
    server: Server, home: Server, fetcher: Fetcher, answer: bytes
) -> None:
    server.answers |= {BLOB: answer, f"/{DID}": document(home.url(""))}
    home.answers[BLOB] = response(body=b"blob")
    assert await fetched(fetcher, server.url(BLOB)) == b"blob"
    assert await fetched(fetcher, server.url(BLOB)) == b"blob"
    lines = [request.partition("\r\n")[0] for request in server.requests]
    assert sum(f"GET /{DID} " in line for line in lines) == 1  # the second time it is known


async def test_a_blob_that_the_network_has_needs_no_document(server: Server, fetcher: Fetcher) -> None:
    server.answers[BLOB] = response(body=b"blob")
    assert await fetched(fetcher, server.url(BLOB)) == b"blob"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        response("404 Not Found"),
        response("410 Gone"),
        response(body=b"{"),
        response(body=b"[]"),
        response(body=b"[" * 60_000),
        response(body=b'{"service": [{"id": "#atproto_pds", "serviceEndpoint": 5}]}'),
        document("ftp://x"),
        document("https://["),
        response(body=b"x" * 100_000),
    ],
)
async def test_without_a_server_the_answer_of_the_network_counts(
    server: Server, fetcher: Fetcher, answer: bytes
) -> None:
    server.answers |= {BLOB: NOT_HERE, f"/{DID}": answer}
    kind, reason = await refusal(fetcher, server.url(BLOB))
    assert (kind, reason) in {(UnprocessableError, "link_refused"), (UnprocessableError, "link_malformed")}


async def test_a_server_at_a_private_address_is_not_connected_to(server: Server, tmp_path: Path) -> None:
    server.answers |= {BLOB: NOT_HERE, f"/{DID}": document("http://127.0.0.2:9")}
    allowed = settings(tmp_path, plc_directory=server.url(""), allowed_hosts=(f"127.0.0.1:{server.port}",))
    async with Fetcher(allowed) as fetcher:
        assert await refusal(fetcher, server.url(BLOB)) == (UnprocessableError, "link_private_address")


@pytest.mark.parametrize("status", ["500 Oops", "429 Too Many Requests"])
async def test_a_directory_that_fails_is_asked_again(server: Server, fetcher: Fetcher, status: str) -> None:
    server.answers |= {BLOB: NOT_HERE, f"/{DID}": response(status)}
    assert await refusal(fetcher, server.url(BLOB)) == (TransientError, "link_unavailable")


async def test_other_links_are_not_looked_up(server: Server, fetcher: Fetcher) -> None:
    assert await refusal(fetcher, server.url(f"/other?did={DID}")) == (UnprocessableError, "link_gone")
    assert len(server.requests) == 1


async def test_the_cache_is_bounded(
    server: Server, home: Server, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(did, "_MAX_KEPT", 2)
    for number in range(5):
        server.answers |= {f"{BLOB}{number}": NOT_HERE, f"/did:plc:{number}": document(home.url(""))}
        link = BLOB.replace(DID, f"did:plc:{number}")
        server.answers[link], home.answers[link] = NOT_HERE, response(body=b"blob")
        assert await fetched(fetcher, server.url(link)) == b"blob"
    assert len(fetcher._sources._http._home_servers._kept) == 2


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (DID, f"https://plc.example/{DID}"),
        ("did:web:heron.example", "https://heron.example/.well-known/did.json"),
        ("did:web:localhost%3A8080", "https://localhost:8080/.well-known/did.json"),
        ("did:web:a%2F..%2Fb", ""),
        ("did:web:user@host", ""),
        ("did:web:", ""),
        ("did:plc:../x", ""),
        ("did:key:z6Mk", ""),
        ("x", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_document(name: str, address: str) -> None:
    assert document_address(name, "https://plc.example") == address


@pytest.mark.parametrize("value", [None, 5, [], {}, {"service": {}}, {"service": [None, 5, {"id": []}]}])
def test_a_document_of_any_shape_has_a_server_or_none(value: object) -> None:
    assert server_of(value, DID) == ""
