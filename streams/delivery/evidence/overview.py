"""First section of a pack's documents: the case, how to read them, references, and the list of posts."""

from collections import Counter
from collections.abc import Callable, Iterator

from streams.delivery.evidence.blocks import Block, Fields, Heading, Link, Paragraph, Table, Value
from streams.delivery.evidence.context import Context
from streams.delivery.evidence.gather import ReferenceFacts
from streams.delivery.evidence.history import TakedownHistory
from streams.delivery.evidence.moments import position

type PlaceOf = Callable[[int], str]
"""Place of the section of a post, by its number; empty where it has none."""


def overview(context: Context, place_of: PlaceOf, last: int | None = None) -> Iterator[Block]:
    """Yield the section about the case, with the list of its posts to the last one's number, all by default."""
    words, facts = context.words, context.source.facts
    yield Heading(words("title"), 1)
    yield Paragraph(words("what"), framed=True)
    yield Heading(words("case"))
    yield Fields(list(_case(context)))
    yield Heading(words("reading"))
    zone = context.clock.name(facts.as_of)
    for key in ("times", "reference", "probability", "hash", "verify"):
        yield Paragraph(words(f"reading_{key}", zone=zone) if key == "times" else words(f"reading_{key}"))
    yield Heading(words("references"))
    yield from _references(context)
    yield Heading(words("posts_found"))
    yield from _posts(context, place_of, last)


def _case(context: Context) -> Iterator[tuple[str, tuple[Value, ...]]]:
    words, facts = context.words, context.source.facts
    yield words("case_id"), (facts.case_id,)
    if facts.identifier != facts.case_id:
        yield words("takedown_id"), (facts.identifier,)
    if facts.open:
        yield words("kind"), (words(f"kind_{facts.kind}"),)
        yield words("minor"), (words("minor_yes" if facts.minor else "minor_no"),)
    else:
        yield words("case"), (words("withdrawn_case"),)
    if facts.opened_at is not None:
        yield words("opened"), context.clock.lines(facts.opened_at)
    if facts.authority:
        yield words("authority"), (facts.authority,)
    yield from _filer(context)
    yield words("posts"), (str(facts.takedowns),)
    yield words("states"), tuple(_states(context))
    yield words("as_of"), context.clock.lines(facts.as_of)


def _filer(context: Context) -> Iterator[tuple[str, tuple[Value, ...]]]:
    words, filer = context.words, context.source.filer
    if filer.role == "victim":
        yield words("filer"), (words("filer_victim"),)
    elif filer.body:
        yield words("filer"), (f"{filer.body} ({words(f'role_{filer.role}')})", *filter(None, [filer.authority]))
        if contact := tuple(filter(None, (filer.email, filer.phone, filer.address))):
            yield words("contact"), contact


def _states(context: Context) -> Iterator[str]:
    counts = Counter(takedown.decoded()[-1].state for takedown in context.source.history.takedowns())
    for state, count in counts.most_common():
        yield f"{context.words(f'state_{state}')}: {count}"


def _references(context: Context) -> Iterator[Block]:
    words, facts = context.words, context.source.facts
    rows: list[tuple[Value, ...]] = [
        (str(reference.number), _content(context, reference), _length(reference), reference.reference_id)
        for reference in facts.references
    ]
    if not rows:
        yield Paragraph(words("none"))
        return
    yield Table((words("number"), words("reference"), words("length"), words("id")), rows, (8, 28, 14, 50))
    if facts.reviews:
        yield Heading(words("reviews"), 3)
        yield Table((words("time"), words("reference"), words("decided"), words("by"), words("why")), [
            (
                "\n".join(context.clock.lines(review.at)), context.reference(review.reference_id),
                words("confirmed" if review.standing == "confirmed" else "withdrawn_reference"), review.by, review.why,
            )
            for review in facts.reviews
        ], (27, 16, 20, 13, 24))  # fmt: skip


def _content(context: Context, reference: ReferenceFacts) -> str:
    """Return what a reference is, by the modalities in which it was described."""
    modalities = set(reference.modalities)
    if "visual" in modalities:
        kind = "video" if "audio" in modalities else "silent" if reference.duration_s else "picture"
    elif modalities & {"audio", "voice"}:
        kind = "sound"
    else:
        kind = "text" if modalities else "gone"
    return context.words(f"reference_{kind}")


def _length(reference: ReferenceFacts) -> str:
    return position(reference.duration_s) if reference.duration_s else "-"


def _posts(context: Context, place_of: PlaceOf, last: int | None) -> Iterator[Block]:
    """Yield the list of posts, a hundred rows at a time."""
    words = context.words
    heads = (
        words("number"),
        words("platform"),
        words("address"),
        words("account"),
        words("first_seen"),
        words("state"),
    )
    rows: list[tuple[Value, ...]] = []
    for takedown in context.source.history.takedowns(last=last):
        rows.append(_row(context, takedown, place_of(takedown.number)))
        if len(rows) == 100:  # noqa: PLR2004 - as the docstring says
            yield Table(heads, rows, (6, 10, 30, 16, 27, 11))
            rows = []
    if rows:
        yield Table(heads, rows, (6, 10, 30, 16, 27, 11))


def _row(context: Context, takedown: TakedownHistory, place: str) -> tuple[Value, ...]:
    last = takedown.decoded()[-1]
    number = str(takedown.number)
    state = context.words(f"state_{last.state}")
    return (
        Link(number, place) if place else number,
        context.source.platform(last.post).title,
        last.post.url,
        last.post.author or "-",
        "\n".join(context.clock.lines(last.post.seen_at)),
        state,
    )
