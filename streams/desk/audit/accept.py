"""`jikimi audit accept`: a person's decision that a frozen takedown goes on from its last event that verifies."""

from contextlib import closing

from schemas.codec import WireError
from schemas.messages import Act, Takedown
from streams.audit.acts import write_act
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.topic_scan import TopicScan
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.takedown.accepted import ACT, Acceptance


def accept_event(settings: Settings, event_id: str, by: str, why: str) -> Act:
    """Write the act by which the stages pass over what does not verify of the event's takedown, up to now.

    Raises
    ------
    UsageError
        There is no such event, or the broker does not answer.
    """
    wait_for_broker(settings)
    with usage_errors(settings), closing(TopicScan(settings, "takedowns")) as scan:
        found = find(settings, scan, event_id)
    if found is None:
        raise UsageError(f"no event {event_id}: `jikimi audit verify` prints those that do not verify")
    return write_act(settings, ACT, event_id, by, why, found.detail())


def find(settings: Settings, scan: TopicScan, event_id: str) -> Acceptance | None:
    """Return the acceptance of everything of an event's takedown that is in its partition now."""
    codec, found, ends = create_codec(settings), None, dict[int, int]()
    for record in scan.records():
        ends[record.partition] = record.offset + 1
        if event_id.encode() not in (record.value or b""):
            continue
        try:
            event = codec.decode("takedowns", record.value or b"")
        except WireError:
            continue
        if isinstance(event, Takedown) and event.event_id == event_id:
            found = (event.takedown_id, record.partition)
    return Acceptance(*found, ends[found[1]]) if found is not None else None
