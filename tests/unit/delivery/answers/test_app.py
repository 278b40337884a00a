"""Answers of platforms: accepted once if they are signed and fresh, refused otherwise."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from schemas.messages import Delivery
from streams.delivery.answers import verification
from streams.delivery.answers.app import MAX_BODY_BYTES, create_app
from streams.delivery.answers.verification import AnswerError, Verification
from streams.feeds.http.record_queue import BrokerUnavailableError
from streams.telemetry import metrics
from tests.unit.delivery.channels.made import TAKEDOWN

SECRET = "whsec_" + base64.b64encode(b"a secret of a platform that answers").decode()
OTHER = "whsec_" + base64.b64encode(b"a secret of another platform's own").decode()
ANSWER = {"takedown_id": TAKEDOWN, "outcome": "refused", "receipt": "R-1", "reason": "not found\nto be illegal"}


class Broker:
    """Keeps what is written, or is down."""

    def __init__(self) -> None:
        self.written: list[Delivery] = []
        self.is_down = False

    async def write(self, delivery: Delivery) -> None:
        if self.is_down:
            raise BrokerUnavailableError
        self.written.append(delivery)


@asynccontextmanager
async def serving(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    signers = {"video": Webhook(SECRET), "other": Webhook(OTHER)}
    transport = httpx.ASGITransport(create_app(Verification(signers), broker.write))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://answers.test/v1/answers") as client:
        yield client


def signed(body: bytes, *, secret: str = SECRET, webhook_id: str = "m1", age_s: float = 0) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body.decode()),
        "content-type": "application/json",
    }
    return {"content": body, "headers": headers}


def answer(**changes: Any) -> bytes:
    return json.dumps(ANSWER | changes).encode()


def counted(outcome: str) -> float:
    return float(metrics.ANSWERS.labels("webhook", outcome)._value.get())


async def test_a_signed_answer_becomes_a_delivery() -> None:
    broker = Broker()
    async with serving(broker) as client:
        response = await client.post("/video", **signed(answer()))
    (delivery,) = broker.written
    assert (response.status_code, response.json()) == (202, {"delivery_id": delivery.delivery_id})
    assert (delivery.kind, delivery.outcome, delivery.takedown_id) == ("answer", "refused", TAKEDOWN)
    assert (delivery.channel, delivery.receipt, delivery.detail) == ("answers/video", "R-1", "not found to be illegal")


@pytest.mark.parametrize(("claimed", "outcome"), [("acknowledged", "acknowledged"), ("removed", "gone")])
async def test_a_claim_of_removal_is_an_answer_and_no_look(claimed: str, outcome: str) -> None:
    broker = Broker()
    async with serving(broker) as client:
        await client.post("/video", **signed(answer(outcome=claimed)))
    assert (broker.written[0].kind, broker.written[0].outcome) == ("answer", outcome)


@pytest.mark.parametrize(
    ("request_of", "fault"),
    [
        (lambda: signed(answer(), secret=OTHER), "forged"),
        (lambda: signed(answer(), age_s=301), "old"),
        (lambda: signed(answer(), age_s=-3_600), "forged"),
        (lambda: signed(answer()) | {"content": answer(outcome="acknowledged")}, "forged"),
        (lambda: signed(answer()) | {"headers": {}}, "forged"),
        (lambda: signed(answer(), webhook_id="x" * 256), "forged"),
    ],
    ids=["secret", "old", "future", "body", "unsigned", "id"],
)
async def test_a_forged_or_old_answer_is_refused_and_counted(
    request_of: Callable[[], dict[str, Any]], fault: str
) -> None:
    broker, before = Broker(), counted(fault)
    async with serving(broker) as client:
        response = await client.post("/video", **request_of())
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert broker.written == []
    assert counted(fault) == before + 1


async def test_one_platform_cannot_answer_for_another() -> None:
    broker = Broker()
    async with serving(broker) as client:
        assert (await client.post("/other", **signed(answer()))).status_code == 401
        assert (await client.post("/unknown", **signed(answer()))).status_code == 404
    assert broker.written == []


async def test_a_replay_is_refused_and_a_repeat_of_the_platform_s_own_is_accepted_and_not_written_again() -> None:
    broker, before = Broker(), counted("replayed")
    async with serving(broker) as client:
        first = signed(answer(), age_s=10)
        assert (await client.post("/video", **first)).status_code == 202
        assert (await client.post("/video", **first)).status_code == 409
        again = await client.post("/video", **signed(answer()))
        assert (again.status_code, again.json()) == (202, {"delivery_id": broker.written[0].delivery_id})
        assert (await client.post("/video", **first)).status_code == 409
    assert counted("replayed") == before + 2
    assert len(broker.written) == 1


async def test_an_answer_that_was_not_written_is_accepted_when_it_comes_again() -> None:
    broker = Broker()
    async with serving(broker) as client:
        broker.is_down, first = True, signed(answer())
        unavailable = await client.post("/video", **first)
        assert (unavailable.status_code, "retry-after" in unavailable.headers) == (503, True)
        broker.is_down = False
        assert (await client.post("/video", **first)).status_code == 202
    assert len(broker.written) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 50_000,
        answer(outcome="withdrawn"),
        answer(takedown_id="t1"),
        answer(takedown_id=TAKEDOWN + "\n"),
        answer(receipt="x" * 201),
        answer(notice={"items": []}),
        json.dumps({"outcome": "refused"}).encode(),
    ],
    ids=range(10),
)
async def test_a_malformed_answer_is_refused_with_its_fault(body: bytes) -> None:
    broker, before = Broker(), counted("malformed")
    async with serving(broker) as client:
        response = await client.post("/video", **signed(body))
    assert (response.status_code, broker.written) == (422, [])
    assert response.headers["content-type"] == "application/problem+json"
    assert counted("malformed") == before + 1


async def test_a_body_that_is_too_large_is_not_read() -> None:
    async with serving(Broker()) as client:
        response = await client.post("/video", **signed(b" " * (MAX_BODY_BYTES + 1)))
    assert response.status_code == 413


def test_the_memory_of_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_MAX_IDS", 3)
    checks = Verification({"video": Webhook(SECRET)})
    for number in range(10):
        headers = signed(answer(), webhook_id=f"m{number}")["headers"]
        checks.accept("video", headers)
    assert len(checks._accepted) == 3
    with pytest.raises(AnswerError) as error:
        checks.check("video", headers, answer())
    assert error.value.fault == "replayed"


HEADER = st.text(st.characters(max_codepoint=0x2FF), max_size=60)


@given(HEADER, HEADER, HEADER, st.binary(max_size=100))
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_headers_and_no_body_do_more_than_be_refused(
    sent_id: str, sent_at: str, signature: str, body: bytes
) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    for at in (sent_at, now):
        headers = {"webhook-id": sent_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}
        with pytest.raises(AnswerError):
            Verification({"video": Webhook(SECRET)}).check("video", headers, body)
