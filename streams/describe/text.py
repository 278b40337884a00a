"""texts -> descriptors: embed each text as a vector, digest the names in it with a key, extract its links."""

import asyncio
from collections.abc import AsyncIterator

from models.text.links import links
from models.text.model import TextModel
from models.text.terms import digests
from schemas.messages import Texts
from streams.describe.descriptors import descriptor_key, descriptors, observed
from streams.engine.context import Context
from streams.engine.record import Output, Record


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    key = context.settings.required_term_key()
    describer = context.live_models.use("text", lambda choice: context.models.text(choice.text))

    @context.stage("text", reads="texts")
    async def describe(message: Texts, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        model = await describer.current()
        yield await asyncio.to_thread(describe_texts, model, message, key)


def describe_texts(model: TextModel, message: Texts, key: bytes) -> Output:
    """Return the descriptors of one segment's texts; `key` is the key of the term digests."""
    written = [text for text in message.texts if text.text.strip()]
    vectors = observed("text", model.describe, len)([text.text for text in written])
    # Joined, so that a name is found across a line break or two subtitles.
    names = sorted(digests(" ".join(text.text for text in written), key))
    times_s = [text.time_s or 0.0 for text in written]
    addresses = links(text.text for text in written)
    found = descriptors(message.segment, "text", model, vectors, times_s, digests=names, links=addresses)
    return Output("descriptors", descriptor_key(message.segment, "text"), found)
