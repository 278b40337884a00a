"""Channel of Bluesky: reports to a labeler by com.atproto.moderation.createReport, through the account's own server."""

from functools import partial

from schemas.messages import Notice, NoticeItem
from streams.delivery.channels.at_records import AtRecords
from streams.delivery.channels.bluesky_session import BlueskySession
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.labeler import Labeler
from streams.delivery.channels.parts import Parts
from streams.delivery.channels.renderer import Renderer
from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.platforms.registry import BlueskyChannel

MAX_CHARACTERS = 2_000
"""Of a reason. The lexicon counts graphemes, of which a text has no more than characters."""


class BlueskyReports:
    """Reports the posts of a notice, each in a report of its own.

    Parameters
    ----------
    password
        App password of the account.
    limit
        Characters of the reason.
    """

    def __init__(
        self, entry: BlueskyChannel, password: str, sender: Sender, render: Renderer, *, limit: int = MAX_CHARACTERS
    ) -> None:
        self._session = BlueskySession(entry.service, entry.account, password, sender)
        self._records = AtRecords(entry.service, entry.resolver, sender)
        self._labeler = Labeler(entry.labeler, self._records)
        self._sender = sender
        self._render = render
        self._limit = min(limit, MAX_CHARACTERS)
        self._parts = Parts()

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice, as Channel.send; the receipts are the ids of the reports."""
        try:
            reason_type = await self._labeler.reason_for(notice.kind)
        except NotSentError as error:
            return error.answer
        items = [(item.takedown_id, item) for item in notice.items]
        return await self._parts.send(key, items, partial(self._report, notice, key, reason_type))

    async def close(self) -> None:
        """Close kept connections."""
        await self._sender.close()

    async def _report(self, notice: Notice, key: str, reason_type: str, item: NoticeItem) -> Answer:
        report = {
            "reasonType": reason_type,
            "reason": self._render.text(notice, self._limit)[: self._limit],
            "subject": {"$type": "com.atproto.repo.strongRef", **await self._records.strong_ref(item)},
            "modTool": {"name": "jikimi", "meta": {"idempotencyKey": key, "noticeId": notice.notice_id}},
        }
        reply = await self._session.send(
            "POST",
            "com.atproto.moderation.createReport",
            headers={"atproto-proxy": f"{self._labeler.did}#atproto_labeler"},
            json=report,
        )
        if not (receipt := text_of(fields(reply).get("id"))):
            raise self._sender.nonsense(reply, "id")
        return self._sender.answer(reply, receipt, f"{reason_type.rpartition('#')[2]} to {self._labeler.did}")
