"""Sections about what was done for a takedown: events, requests and answers, looks, escalations, fingerprints."""

from collections.abc import Iterator

import msgspec

from schemas.messages import Delivery, Notice, Takedown
from streams.delivery.evidence.agreement import decision
from streams.delivery.evidence.blocks import Block, Fields, Heading, Paragraph, Quote, Rows, Table, Value, address
from streams.delivery.evidence.context import Context
from streams.delivery.evidence.history import StoredDelivery, TakedownHistory
from streams.delivery.notices.render import text as notice_text

_MAX_LOOKS = 40
"""Looks in the documents, half of them the first ones; the data files have all of them."""
_TIME_WIDTH = 27


def events(context: Context, takedown: TakedownHistory) -> Iterator[Block]:
    """Yield the section about a takedown's events."""
    words = context.words
    yield Heading(words("history"), 3)
    rows: list[tuple[Value, ...]] = [
        (_lines(context, event), words(f"state_{event.state}"), _details(context, event))
        for event in takedown.decoded()
    ]
    yield Table((words("time"), words("event"), words("details")), rows, (_TIME_WIDTH, 22, 51))


def _details(context: Context, event: Takedown) -> str:
    found = [decision(context, event)] if event.by or event.state in {"issued", "held"} else []
    if event.removal is not None:
        at = context.clock.line(event.removal.at)
        found.append(context.words(f"removal_{event.removal.kind}", at=at, status=event.removal.status or "-"))
    if event.delivery is not None:
        found.append(_cause(context, event.delivery))
    return "\n".join(found)


def _cause(context: Context, step: Delivery) -> str:
    words = context.words
    parts = [words(f"outcome_{step.outcome}"), step.channel, step.address, _status(step) if step.status else step.error]
    return f"{words(f'step_{step.kind}')}: {', '.join(filter(None, parts))}"


def _status(step: Delivery) -> str:
    return " ".join(str(part) for part in (step.status, step.error) if part) or "-"


def _lines(context: Context, step: Takedown | Delivery) -> str:
    return "\n".join(context.clock.lines(step.at))


def notices(context: Context, takedown: TakedownHistory) -> Iterator[Block]:
    """Yield the section about the approvals, the requests and the answers."""
    words = context.words
    yield Heading(words("notices"), 3)
    sent = [step for step in takedown.deliveries if step.delivery.kind in {"approval", "attempt", "answer"}]
    if not sent:
        yield Paragraph(words("no_notice"))
    printed = set[bytes]()
    for step in sent:
        yield Heading(_title(context, step.delivery), 4)
        yield Fields(list(_fields(context, step.delivery)))
        if step.notice is not None and step.notice not in printed:  # a repeat sends the same one
            printed.add(step.notice)
            yield from _notice(context, context.source.history.notice(step.notice), takedown.takedown_id)


def _title(context: Context, step: Delivery) -> str:
    if step.kind != "attempt":
        return context.words("answer" if step.kind == "answer" else "step_approval")
    key = "notice_dry" if step.outcome == "dry_run" else "notice"
    return context.words(key, number=step.number, channel=step.channel)


def _fields(context: Context, step: Delivery) -> Iterator[tuple[str, tuple[Value, ...]]]:
    words, clock = context.words, context.clock
    yield words("time"), clock.lines(step.at)
    yield words("outcome"), (words(f"outcome_{step.outcome}"),)
    optional: Rows = [
        (words("to"), (address(step.address),) if step.address else ()),
        (words("status"), (str(step.status),) if step.status else ()),
        (words("error"), (step.error,) if step.error else ()),
        (words("receipt"), (step.receipt,) if step.receipt else ()),
        (words("by"), (step.by,) if step.by else ()),
        (words("why"), (step.why,) if step.why else ()),
        (words("due"), clock.lines(step.due_at) if step.due_at else ()),
        (words("detail"), (step.detail,) if step.detail else ()),
        (words("answer_hash"), (step.answer_hash.hex(),) if step.answer_hash else ()),
        (words("key"), (step.idempotency_key,) if step.idempotency_key else ()),
    ]
    yield from (row for row in optional if row[1])


def _notice(context: Context, notice: Notice, takedown_id: str) -> Iterator[Block]:
    words = context.words
    yield Fields([(words("laws"), tuple(words(f"law_{law}") for law in notice.laws))])
    own = [item for item in notice.items if item.takedown_id == takedown_id]
    if len(notice.items) > len(own):
        yield Paragraph(words("notice_shared", count=len(notice.items)))
    yield Heading(words("notice_text"), 4)
    yield Quote(notice_text(msgspec.structs.replace(notice, items=own or notice.items[:1])))


def looks(context: Context, takedown: TakedownHistory) -> Iterator[Block]:
    """Yield the section about the looks whether the post is still there."""
    words = context.words
    yield Heading(words("looks"), 3)
    found = [step.delivery for step in takedown.deliveries if step.delivery.kind == "look"]
    if not found:
        yield Paragraph(words("no_look"))
        return
    half = _MAX_LOOKS // 2
    if left_out := max(0, len(found) - _MAX_LOOKS):
        yield Paragraph(words("looks_left_out", count=left_out))
        found = found[:half] + found[-half:]
    heads = (words("time"), words("seen"), words("address"), words("status"), words("answer_hash"))
    rows: list[tuple[Value, ...]] = [
        (
            _lines(context, look),
            words(f"outcome_{look.outcome}"),
            "\n".join(filter(None, (look.address, look.channel, look.detail))),
            _status(look),
            look.answer_hash.hex() if look.answer_hash else "-",
        )
        for look in found
    ]
    yield Table(heads, rows, (_TIME_WIDTH, 12, 26, 14, 21))


def escalations(context: Context, takedown: TakedownHistory, last: Takedown) -> Iterator[Block]:
    """Yield the section about what was overdue, and about those who can be asked next."""
    words = context.words
    yield Heading(words("escalations"), 3)
    found = [step for step in takedown.deliveries if step.delivery.kind in {"reminder", "escalation"}]
    rows: list[tuple[Value, ...]] = [_escalation(context, step) for step in found]
    if rows:
        yield Table((words("time"), words("event"), words("details")), rows, (_TIME_WIDTH, 22, 51))
    else:
        yield Paragraph(words("no_escalation"))
    platform = context.source.platform(last.post)
    asked = [(words("platform_contact"), platform.contact), (words("regulator"), platform.regulator)]
    if any(text for _, text in asked):
        yield Fields([(label, (address(text),)) for label, text in asked if text])


def _escalation(context: Context, step: StoredDelivery) -> tuple[Value, ...]:
    words, delivery = context.words, step.delivery
    details = [delivery.channel, delivery.address, delivery.detail]
    if delivery.due_at is not None:
        details.append(f"{words('due')}: {context.clock.line(delivery.due_at)}")
    return _lines(context, delivery), words(f"step_{delivery.kind}"), "\n".join(filter(None, details))


def fingerprints(context: Context, takedown: TakedownHistory) -> Iterator[Block]:
    """Yield the section with the hash of each event."""
    words = context.words
    yield Heading(words("chain"), 3)
    yield Paragraph(words("chain_note"))
    rows: list[tuple[Value, ...]] = [
        (str(number), words(f"state_{event.state}"), stored.hash.hex(), words(f"check_{stored.check}"))
        for number, (stored, event) in enumerate(zip(takedown.events, takedown.decoded(), strict=True), 1)
    ]
    yield Table((words("number"), words("event"), "SHA-256", words("check")), rows, (7, 22, 47, 24))
    if takedown.ignored:
        yield Paragraph(words("chain_ignored", count=takedown.ignored))
