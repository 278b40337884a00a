"""Messages of a whole topic, for commands that end."""

from schemas.messages import Message
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import read_whole
from streams.settings import Settings


async def read_messages[M: Message](settings: Settings, topic: str, kind: type[M]) -> list[M]:
    """Return every message of a topic, in the order of each partition; what cannot be decoded is logged and left out.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec = create_codec(settings)
    messages = [decode_or_refuse(codec, topic, update) for update in await read_whole(settings, topic)]
    return [message for message in messages if isinstance(message, kind)]
