import base64
import json
from typing import Any

import msgspec
import pytest

from schemas.messages import Notice
from streams.delivery.channels.make import make_channel
from streams.delivery.platforms.registry import WebhookChannel
from streams.errors import UsageError
from tests.support.platforms.http_server import Request, Response
from tests.support.platforms.webhook import LocalWebhook
from tests.unit.delivery.channels.made import KEY, Text, channel_to, notice, settings


async def test_a_notice_arrives_signed_under_its_idempotency_key() -> None:
    sent = notice()
    async with LocalWebhook() as server, channel_to(server) as channel:
        answer = await channel.send(sent, KEY)
    assert (answer.outcome, answer.receipt) == ("acknowledged", "W-1")
    assert msgspec.convert(server.notices[KEY], Notice) == sent
    (request,) = server.requests
    assert request.headers["webhook-id"] == request.headers["idempotency-key"] == KEY
    assert request.headers["content-type"] == "application/json"


async def test_a_repeat_after_a_lost_answer_has_the_same_key_and_body() -> None:
    async with LocalWebhook() as server, channel_to(server) as channel:
        server.fail_next("lost_answer")
        await channel.send(notice(), KEY)
        await channel.send(notice(), KEY)
    first, again = server.requests
    assert (first.headers["webhook-id"], first.body) == (again.headers["webhook-id"], again.body)
    assert server.duplicates == [KEY]


@pytest.mark.parametrize("text", ["any text, 한글 too", "whsec_" + base64.b64encode(b"x" * 30).decode().rstrip("=")])
def test_a_secret_is_base64_after_whsec_or_any_text(text: str) -> None:
    entry = WebhookChannel(kind="webhook", url="https://made.example/", secret="mine")
    assert make_channel(entry, settings(secrets={"mine": text}), renderer=Text()) is not None


@pytest.mark.parametrize("text", ["whsec_", "whsec_no base64!", "whsec_a", "", "  "])
def test_a_wrong_secret_is_one_line_without_the_secret(text: str) -> None:
    entry = WebhookChannel(kind="webhook", url="https://made.example/", secret="mine")
    with pytest.raises(UsageError, match="secret mine") as error:
        make_channel(entry, settings(secrets={"mine": text}), renderer=Text())
    assert error.value.__cause__ is None
    assert text.strip() in {"", "whsec_"} or text not in str(error.value)


@pytest.mark.parametrize(
    ("body", "kind", "outcome", "receipt"),
    [
        (b"ok", "text/plain", "delivered", ""),
        (b"", "text/html", "delivered", ""),
        (b'{"id": 7}', "application/json", "acknowledged", "7"),
        (b'{"status": "ok"}', "application/json", "delivered", ""),
        (b'{"receipt": {"no": "text"}}', "application/json", "delivered", ""),
        (b"[" * 60_000, "application/json", "failed", ""),
        (b'{"receipt": "\xff"}', "application/json", "failed", ""),
        (b'["a list"]', "application/json", "failed", ""),
    ],
    ids=range(8),
)
async def test_what_counts_as_a_receipt(body: bytes, kind: str, outcome: str, receipt: str) -> None:
    class Receiver(LocalWebhook):
        def answer(self, request: Request) -> Response:  # noqa: ARG002 - as the method it replaces
            return Response(200, body, {"Content-Type": kind})

    async with Receiver() as server, channel_to(server) as channel:
        answer = await channel.send(notice(), KEY)
    assert (answer.outcome, answer.receipt) == (outcome, receipt)


async def test_a_receipt_is_one_short_printable_line() -> None:
    class Receiver(LocalWebhook):
        def answer(self, request: Request) -> Response:  # noqa: ARG002 - likewise
            found: dict[str, Any] = {"receipt": "a\n\x1b[31mb" + "x" * 10_000}
            return Response(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    async with Receiver() as server, channel_to(server) as channel:
        receipt = (await channel.send(notice(), KEY)).receipt
    assert receipt.startswith("a [31mb")
    assert len(receipt) == 200
