"""What the server of a Bluesky account proves about a post, with the error names and sentences of real servers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams.delivery.looks.look import Finding, Look
from tests.unit.decode.served import Server, response
from tests.unit.delivery.looks.looking import answer, fetched, look_at, medium, page, post_at

DID = "did:plc:abc123"
CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
POST = f"https://bsky.app/profile/{DID}/post/3k"
RECORD = f"/xrpc/com.atproto.repo.getRecord?repo={DID}&collection=app.bsky.feed.post&rkey=3k"
STATUS = f"/xrpc/com.atproto.sync.getRepoStatus?did={DID}"
BLOB = f"/xrpc/com.atproto.sync.getBlob?did={DID}&cid={CID}"
VIDEO = {"$type": "app.bsky.embed.video", "video": {"$type": "blob", "ref": {"$link": CID}, "mimeType": "video/mp4"}}
PRESENT = f"the record is there, media {CID}"


def document(endpoint: str) -> bytes:
    """Return a DID document with this server."""
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}
    return answer({"id": DID, "service": [{"id": "#other"}, service]})


@pytest.fixture
async def look(server: Server) -> AsyncIterator[Look]:
    server.answers[f"/plc/{DID}"] = document(server.url(""))
    async with look_at(server, "bluesky") as look:
        yield look


def record(embed: Any = VIDEO) -> bytes:
    return answer({"uri": f"at://{DID}/app.bsky.feed.post/3k", "cid": "bafy", "value": {"text": "a", "embed": embed}})


def error(name: str, message: str = "no", status: str = "400 Bad Request") -> bytes:
    return answer({"error": name, "message": message}, status)


async def seen(look: Look, before: str = "", url: str = POST) -> Finding:
    return await look.look(post_at(url), before)


@pytest.mark.parametrize("embed", [
    VIDEO,
    {"$type": "app.bsky.embed.recordWithMedia", "media": VIDEO},
    {"$type": "app.bsky.embed.gallery", "items": [{"image": VIDEO["video"]}]},
    {"$type": "app.bsky.embed.images", "images": [{"image": {"cid": CID, "mimeType": "image/jpeg"}}]},
])  # fmt: skip
@pytest.mark.parametrize("url", [POST, f"at://{DID}/app.bsky.feed.post/3k"])
async def test_a_record_with_its_medium_is_present_and_no_medium_is_fetched(
    server: Server, look: Look, embed: Any, url: str
) -> None:
    server.answers |= {RECORD: record(embed), BLOB: medium()}
    finding = await seen(look, url=url)
    assert (finding.outcome, finding.status, finding.detail) == ("present", 200, PRESENT)
    assert finding.address == server.url(RECORD)
    assert fetched(server, "getBlob") == []


@pytest.mark.parametrize(("gone", "name"), [
    (error("RecordNotFound", "Could not locate record: at://x"), "RecordNotFound"),
    (error("InvalidRequest", "Could not locate record: at://x"), "RecordNotFound"),
    (error("RepoNotFound"), "RepoNotFound"), (error("RepoTakendown"), "RepoTakendown"),
    (error("RepoSuspended"), "RepoSuspended"), (error("RepoDeactivated"), "RepoDeactivated"),
    (error("RecordNotFound", status="404 Not Found"), "RecordNotFound"),
])  # fmt: skip
async def test_an_error_that_proves_it_gone(server: Server, look: Look, gone: bytes, name: str) -> None:
    server.answers[RECORD] = gone
    finding = await seen(look)
    assert (finding.outcome, finding.error) == ("gone", name)
    assert finding.answer_hash is not None


@pytest.mark.parametrize("strange", [
    error("RateLimitExceeded", status="429 Too Many Requests"), error("InternalServerError", status="500 Oops"),
    error("InvalidRequest"), error("AuthMissing", status="401 No"), page("<h1>404</h1>", status="404 Not Found"),
    answer({"uri": "x"}), answer([]), response(body=b"{", Content_Type="application/json"), b"SSH-2.0\r\n",
    answer({"error": ["RecordNotFound"]}, "400 Bad Request"),
    response(body=b"[" * 100_000, Content_Type="application/json"),
])  # fmt: skip
async def test_an_answer_that_proves_nothing(server: Server, look: Look, strange: bytes) -> None:
    server.answers[RECORD] = strange
    assert (await seen(look)).outcome == "unknown"


@pytest.mark.parametrize(("status", "outcome", "name"), [
    (answer({"did": DID, "active": False, "status": "takendown"}), "gone", "RepoTakendown"),
    (answer({"did": DID, "active": False, "status": "deactivated"}), "gone", "RepoDeactivated"),
    (answer({"did": DID, "active": False, "status": "deleted"}), "gone", "RepoNotFound"),
    (error("RepoNotFound"), "gone", "RepoNotFound"),
    (answer({"did": DID, "active": True}), "unknown", "InvalidRequest"),
    (answer({"did": DID, "active": True, "status": "takendown"}), "unknown", "InvalidRequest"),
    (answer({"did": DID, "active": False, "status": "throttled"}), "unknown", "InvalidRequest"),
    (response("503 Busy"), "unknown", "InvalidRequest"),
])  # fmt: skip
async def test_the_status_of_an_account_that_is_not_found_decides(
    server: Server, look: Look, status: bytes, outcome: str, name: str
) -> None:
    server.answers |= {RECORD: error("InvalidRequest", f"Could not find repo: {DID}"), STATUS: status}
    finding = await seen(look)
    assert (finding.outcome, finding.error) == (outcome, name)


@pytest.mark.parametrize(("blob", "outcome", "name"), [
    (error("InvalidRequest", "Blob not found"), "gone", "BlobNotFound"),
    (error("BlobNotFound"), "gone", "BlobNotFound"),
    (error("BlobTakendown"), "gone", "BlobTakendown"), (error("RateLimitExceeded", status="429 No"), "present", ""),
    (response("502 Bad Gateway"), "present", ""), (medium(), "present", ""),
])  # fmt: skip
async def test_a_record_whose_medium_is_gone_is_gone(
    server: Server, look: Look, blob: bytes, outcome: str, name: str
) -> None:
    server.answers |= {RECORD: record(), BLOB: blob}
    finding = await seen(look)
    assert (finding.outcome, finding.error) == (outcome, name)


async def test_a_medium_that_outlives_its_record_is_named(server: Server, look: Look) -> None:
    server.answers |= {RECORD: error("RecordNotFound"), BLOB: medium()}
    finding = await seen(look, before=PRESENT)
    assert (finding.outcome, finding.error) == ("gone", "medium_still_served")
    assert CID in finding.detail
    assert fetched(server, "getBlob") == []


async def test_an_edit_without_its_medium_is_gone_only_with_the_medium(server: Server, look: Look) -> None:
    server.answers |= {RECORD: record(None), BLOB: medium()}
    assert (await seen(look, before=PRESENT)).outcome == "present"
    server.answers[BLOB] = error("BlobNotFound")
    assert (await seen(look, before=PRESENT)).outcome == "gone"
    assert (await seen(look)).outcome == "present"


async def test_a_redirected_medium_is_not_fetched(server: Server, look: Look) -> None:
    server.answers |= {RECORD: record(), BLOB: response("302 Found", Location="/cdn"), "/cdn": medium()}
    assert (await seen(look)).outcome == "present"
    assert fetched(server, "/cdn") == []


@pytest.mark.parametrize(("did_document", "outcome", "name"), [
    (response("410 Gone"), "gone", "did_tombstoned"), (response("404 Not Found"), "unknown", "did_not_found"),
    (answer({"service": []}), "unknown", "did_not_found"), (answer({"service": "x"}), "unknown", "did_not_found"),
    (b"", "unknown", "unavailable"), (response("500 Oops"), "unknown", "did_not_found"),
    (document("http://10.0.0.1"), "unknown", "link_private_address"),
    (document("file:///etc"), "unknown", "link_scheme"),
])  # fmt: skip
async def test_an_account_without_server(
    server: Server, look: Look, did_document: bytes, outcome: str, name: str
) -> None:
    server.answers[f"/plc/{DID}"] = did_document
    finding = await seen(look)
    assert (finding.outcome, finding.error) == (outcome, name)


@pytest.mark.parametrize(("url", "name"), [
    ("https://bsky.app/profile/alice.example/post/3k", "no_record"), ("https://bsky.app/", "no_record"),
    ("https://bsky.app/profile/did:key:zQ3/post/3k", "did_unsupported"), ("not a link", "no_record"),
    ("https://bsky.app/profile/did:plc:a%2f../post/3k", "did_unsupported"),
    ("https://bsky.app/profile/did:web:127.0.0.1/post/3k", "link_private_address"),
    ("https://bsky.app/profile/did:web:x%2fy/post/3k", "did_unsupported"),
])  # fmt: skip
async def test_an_address_without_record(look: Look, url: str, name: str) -> None:
    finding = await seen(look, url=url)
    assert (finding.outcome, finding.error) == ("unknown", name)


async def test_a_server_is_resolved_once(server: Server, look: Look) -> None:
    server.answers |= {RECORD: record(None)}
    await seen(look)
    await seen(look)
    assert sum("/plc/" in request for request in server.requests) == 1


async def test_a_malformed_address_is_no_record(look: Look) -> None:
    finding = await look.look(post_at("http://["))
    assert (finding.outcome, finding.error) == ("unknown", "no_record")
