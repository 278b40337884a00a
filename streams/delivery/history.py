"""Steps of all deliveries, read from their topic."""

from schemas.messages import Delivery
from streams.kafka.messages import read_messages
from streams.settings import Settings


async def read_deliveries(settings: Settings) -> list[Delivery]:
    """Return every step of every delivery, in order.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    return await read_messages(settings, "deliveries", Delivery)
