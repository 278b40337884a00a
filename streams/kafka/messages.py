"""Messages of a whole topic, for commands that end."""

from collections.abc import Callable, Collection

from schemas.messages import Message
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_each
from streams.settings import Settings


async def read_messages[M: Message](settings: Settings, topic: str, kind: type[M], containing: str = "") -> list[M]:
    """Return every message of a topic, in the order of each partition; what cannot be decoded is logged and left out.

    Parameters
    ----------
    containing
        Text, such as a case id, without which a record is not even decoded: a fast first filter, not an exact one.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    found: list[M] = []
    await each_message(settings, topic, kind, found.append, containing)
    return found


async def each_message[M: Message](
    settings: Settings, topic: str, kind: type[M], apply: Callable[[M], None], containing: str | Collection[str] = ""
) -> None:
    """Call `apply` with every message, one at a time, so that a long topic takes no memory; else as `read_messages`.

    Parameters
    ----------
    containing
        One text or several, of which a record has to contain one.
    """
    codec = create_codec(settings)
    wanted = [text.encode() for text in ([containing] if isinstance(containing, str) else containing)]

    def apply_all(updates: list[Update]) -> None:
        for update in updates:
            if any(text in (update.value or b"") for text in wanted):
                message = decode_or_refuse(codec, topic, update)
                if isinstance(message, kind):
                    apply(message)

    await read_each(settings, topic, apply_all)
