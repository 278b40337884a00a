"""Steps of all deliveries, read from their topic."""

from schemas.messages import Delivery
from streams.kafka.messages import read_messages
from streams.settings import Settings


async def read_deliveries(settings: Settings, case_id: str = "") -> list[Delivery]:
    """Return every step of every delivery, in order, or those of one case only.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    steps = await read_messages(settings, "deliveries", Delivery, case_id)
    return [step for step in steps if case_id in ("", step.case_id)]
