"""Channel of other servers of the fediverse: a signed Flag activity in the inbox of the author's server."""

from collections.abc import Iterable
from functools import partial

import httpx
import msgspec

from schemas.messages import Notice
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.fediverse import Fediverse, Target
from streams.delivery.channels.http_signature import RequestSigner
from streams.delivery.channels.parts import Parts
from streams.delivery.channels.renderer import Renderer
from streams.delivery.channels.sender import NotSentError, Sender

MAX_CHARACTERS = 1_000
"""Of the content: what Mastodon keeps of one from another server was not found; its own reports have this limit."""


class FlagActivities:
    """Flags the posts of a notice, those of one author in one activity.

    Parameters
    ----------
    actor
        URL of our actor.
    signer
        Signs as that actor.
    limit
        Characters of the content.
    """

    def __init__(
        self, actor: str, signer: RequestSigner, sender: Sender, render: Renderer, *, limit: int = MAX_CHARACTERS
    ) -> None:
        self._actor = actor
        self._signer = signer
        self._fediverse = Fediverse(signer, sender)
        self._sender = sender
        self._render = render
        self._limit = limit
        self._parts = Parts()

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice, as Channel.send; delivered once the inbox has taken it, for there are no receipts."""
        try:
            targets = [await self._fediverse.target(item) for item in notice.items]
        except NotSentError as error:
            return error.answer
        return await self._parts.send(key, _by_author(targets), partial(self._flag, notice, key))

    async def close(self) -> None:
        """Close kept connections."""
        await self._sender.close()

    async def _flag(self, notice: Notice, key: str, targets: list[Target]) -> Answer:
        first = targets[0]
        activity = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{self._actor}#flags/{key}",
            "type": "Flag",
            "actor": self._actor,
            "content": self._render.text(notice, self._limit)[: self._limit],
            # Mastodon needs the author among the objects, and takes the first actor for the accused one.
            "object": [first.actor, *(target.post for target in targets)],
            "to": first.actor,
        }
        body = msgspec.json.encode(activity)
        try:
            signed = self._signer.headers("POST", first.inbox, body)
        except (httpx.InvalidURL, UnicodeError):
            raise NotSentError(Answer("refused", error="link_malformed", detail="the inbox cannot be parsed")) from None
        headers = {"Content-Type": "application/activity+json", "Accept": "application/activity+json", **signed}
        return self._sender.answer(await self._sender.send("POST", first.inbox, content=body, headers=headers))


def _by_author(targets: Iterable[Target]) -> list[tuple[str, list[Target]]]:
    grouped: dict[str, list[Target]] = {}
    for target in targets:
        grouped.setdefault(target.actor, []).append(target)
    return list(grouped.items())
