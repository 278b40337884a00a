"""`jikimi takedown approve`: a person's approval of a notice, where the case's policy requires one."""

from datetime import UTC, datetime

from schemas.ids import record_id
from schemas.messages import Delivery, Takedown
from streams.errors import UsageError
from streams.kafka.messages import read_messages
from streams.kafka.producer import writing
from streams.settings import Settings
from streams.takedown.life import PENDING


async def approve_takedown(settings: Settings, takedown_id: str, by: str, why: str) -> None:
    """Write a person's approval; the delivery sends the notice then, once, however often it is approved.

    Raises
    ------
    UsageError
        There is no such takedown, or it requests nothing of its platform any more.
    """
    found = await read_messages(settings, "takedowns", Takedown, takedown_id)
    events = [event for event in found if event.takedown_id == takedown_id]
    if not events:
        raise UsageError(f"no takedown {takedown_id}: `jikimi case show CASE` lists those of a case")
    if events[-1].state not in PENDING:
        raise UsageError(f"takedown {takedown_id} is {events[-1].state}: there is nothing to approve")
    approval = Delivery(
        delivery_id=record_id("delivery", takedown_id, "approval", by),
        takedown_id=takedown_id,
        case_id=events[-1].case_id,
        kind="approval",
        outcome="approved",
        number=0,
        at=datetime.now(UTC),
        by=by,
        why=why,
    )
    with writing(settings) as writer:
        writer.write("deliveries", takedown_id, approval)
