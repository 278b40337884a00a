"""Channel of a platform's webhook: the notice as JSON, signed as Standard Webhooks."""

from datetime import UTC, datetime

import msgspec
from standardwebhooks import Webhook

from schemas.messages import Notice
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.web_client import Reply

_RECEIPTS = ("receipt", "id")


class WebhookNotices:
    """Posts notices to one URL.

    Parameters
    ----------
    url
        Of the platform.
    signer
        Signs with the secret that the platform has too.
    """

    def __init__(self, url: str, signer: Webhook, sender: Sender) -> None:
        self._url = url
        self._signer = signer
        self._sender = sender

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice, as Channel.send; acknowledged if the answer is a JSON object with a `receipt` or an `id`."""
        body = msgspec.json.encode(notice)
        try:
            reply = await self._sender.send("POST", self._url, content=body, headers=self._headers(body, key))
            return self._sender.answer(reply, self._receipt(reply))
        except NotSentError as error:
            return error.answer

    async def close(self) -> None:
        """Close kept connections."""
        await self._sender.close()

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        now = datetime.now(UTC)
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(key, now, body.decode()),
        }

    def _receipt(self, reply: Reply) -> str:
        """Return the receipt, empty if the answer need not have one: it is empty, or a word such as ok."""
        body = fields(reply)
        receipt = next((text for field in _RECEIPTS if (text := text_of(body.get(field)))), "")
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not body and reply.body and kind != "text/plain":  # a login page, or an answer cut short
            raise self._sender.nonsense(reply, "JSON object")
        return receipt
