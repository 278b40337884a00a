"""Notices that a channel sends in several requests: a repeat sends only the parts that were not taken."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from streams.delivery.channels.channel import Answer
from streams.delivery.channels.sender import NotSentError

_MAX_TAKEN = 10_000
"""Parts that are kept; beyond it the oldest is dropped, and a repeat of its notice would send it again."""


class Parts:
    """Answers of parts that were taken, by idempotency key and part."""

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[str, str], Answer] = OrderedDict()

    async def send[T](self, key: str, parts: Iterable[tuple[str, T]], send: Callable[[T], Awaitable[Answer]]) -> Answer:
        """Send each part not taken before under this key, and return one answer for all.

        Parameters
        ----------
        parts
            Id and content of each, at least one. One that fails does not hold up the others.
        """
        answers = [await self._send(key, part_id, content, send) for part_id, content in parts]
        failures = [answer for answer in answers if answer.outcome in {"failed", "refused"}]
        if failures:  # one that may succeed later is worth the repeat, which spares the parts that were taken
            return next((answer for answer in failures if answer.outcome == "failed"), failures[0])
        return answers[-1]._replace(receipt=", ".join(filter(None, (answer.receipt for answer in answers)))[:1000])

    async def _send[T](self, key: str, part_id: str, content: T, send: Callable[[T], Awaitable[Answer]]) -> Answer:
        if (taken := self._taken.get((key, part_id))) is not None:
            return taken
        try:
            answer = await send(content)
        except NotSentError as error:
            return error.answer
        self._taken[key, part_id] = answer
        while len(self._taken) > _MAX_TAKEN:
            self._taken.popitem(last=False)
        return answer
