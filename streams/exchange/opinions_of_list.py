"""`jikimi exchange feedback`: what persons here decided about the hits of a list's entries."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from schemas.messages import Label
from streams.errors import UsageError
from streams.exchange.formats.changes import Change
from streams.exchange.formats.opinions import Opinion
from streams.exchange.lists import entries_of, read_parts
from streams.kafka.messages import each_message
from streams.settings import Settings

_OPINIONS: Mapping[str, Opinion] = {"copy": "confirmed", "other": "withdrawn"}


def opinions(settings: Settings, list_id: str) -> list[tuple[Change, Opinion]]:
    """Return the entries of a list that persons decided on, in the order of their ids, with what they found.

    Raises
    ------
    UsageError
        There is no such list, or the broker does not answer.
    """
    parts = asyncio.run(read_parts(settings, list_id)).parts
    if not parts:
        raise UsageError(f"no list {list_id}: `jikimi case list` shows those that were imported")
    labels: dict[str, Label] = {}

    def keep(label: Label) -> None:
        if label.case_id == list_id:
            labels[label.post_id] = label  # the last decision on a post counts

    asyncio.run(each_message(settings, "labels", Label, keep, list_id))
    return list(of_entries(entries_of(parts.values()).values(), opinions_by_signal(labels.values())))


def opinions_by_signal(labels: Iterable[Label]) -> dict[str, Opinion]:
    """Return what was found by the name of a signal: one copy confirms it, whatever else it was found in."""
    found: dict[str, Opinion] = {}
    for label in labels:
        opinion = _OPINIONS.get(label.decision)
        if opinion is None or label.verdict is None:
            continue
        for piece in label.verdict.evidence:
            if found.get(piece.reference_id) != "confirmed":
                found[piece.reference_id] = opinion
    return found


def of_entries(entries: Iterable[Change], found: Mapping[str, Opinion]) -> Iterator[tuple[Change, Opinion]]:
    """Yield the entries with an opinion, each with only the signals that it is about."""
    for entry in sorted(entries):
        for opinion in ("confirmed", "withdrawn"):
            signals = tuple(signal for signal in entry.signals if found.get(signal.name) == opinion)
            if signals:
                yield entry._replace(signals=signals), opinion
