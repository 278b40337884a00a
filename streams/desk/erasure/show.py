"""A withdrawal before it is confirmed, and the proof after it, for a person."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from models.text.terms import n_terms
from streams.cases.reference_reviews import TOPIC as REVIEWS
from streams.desk.erasure.places import OUTSIDE, PLACES, Fate, place_of
from streams.desk.erasure.proof import Looked, Proof, kept
from streams.desk.local_time import LocalTime
from streams.desk.withdraw_case import Withdrawal
from streams.kafka.compaction import NOT_COMPACTING
from streams.takedown.life import GONE

_CLEAN, _NOT_CLEAN = "nothing is left that can be erased", "not all is erased: repeat the command"
_REQUESTED = frozenset({"sent", "acknowledged", "escalated", "reappeared", "refused"})


def print_withdrawal(found: Withdrawal, console: Console) -> None:
    """Print what is withdrawn and erased, where, and what stays."""
    _table(console, ("what", "where", "what happens"), [*_erased(found), *_ended(found), *_expiring()])


def print_proof(proof: Proof, zone: LocalTime, console: Console) -> None:
    """Print where was looked, what was found, and what stays how long."""
    counts = ("topic", "offsets", "records", "bytes", "before", "left", "tombstones", "named", "descriptors")
    _table(console, counts, [_looked_row(looked) for looked in proof.looked])
    for line in [*_notes(proof, zone), *_problems(proof)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    _table(console, ("what stays, and outside", "of the case", "why, or how erased", "gone"), [
        (place.name, place.holds or "-", place.how, place.gone) for place in kept(proof)
    ])  # fmt: skip


def _erased(found: Withdrawal) -> Iterable[tuple[str, ...]]:
    entries = found.entries
    kind = "allowed files" if entries.benign else "references"
    yield f"{len(entries.references)} {kind}, {n_terms(entries.digests)} terms", "cases", "erased, then proved"
    for topic in entries.topics:
        if "." in topic.topic and topic.values:
            yield f"{len(topic.in_force)} entries of a run's copy", topic.topic, "erased, then proved"
        elif topic.topic == REVIEWS and topic.values:
            yield f"{len(topic.in_force)} reviews of references", topic.topic, "erased, then proved"
    if found.files:
        yield f"{found.files} names of files", "this machine", "erased; pseudonym and times stay"


def _ended(found: Withdrawal) -> Iterable[tuple[str, ...]]:
    takedowns = found.takedowns
    requested = sum(n for state, n in takedowns.items() if state in _REQUESTED)
    if found.pending:
        yield (
            f"{found.pending} pending takedowns",
            "takedowns",
            "withdrawn; their events stay, the record of what was done",
        )
    if requested:
        yield (
            f"{requested} of them requested",
            "platforms",
            "no further notice; platforms are not told of the withdrawal",
        )
    if held := takedowns["held"]:
        yield f"{held} held takedowns", "takedowns", "withdrawn; they never requested anything"
    if gone := sum(n for state, n in takedowns.items() if state in GONE):
        yield f"{gone} removed posts", "takedowns", "their events stay; nobody looks at the posts any more"
    if found.labels:
        yield f"{found.labels} decisions of reviewers", "labels", "stay, the record of decisions"


def _expiring() -> Iterable[tuple[str, ...]]:
    yield from (
        (place.holds, place.name, f"stays: {place.gone}") for place in PLACES.values() if place.fate is Fate.EXPIRES
    )
    yield from ((place.holds, place.name, place.how) for place in OUTSIDE if place.fate is Fate.KEPT)


def _looked_row(looked: Looked) -> tuple[str, ...]:
    ranges = " ".join(f"{number}:{first}-{end}" for number, (first, end) in sorted(looked.ranges.items()))
    before = "-" if looked.before is None else str(looked.before)
    left = "-" if looked.before is None else str(looked.entries)
    numbers = (f"{looked.records:,}", f"{looked.n_bytes:,}", before, left, str(looked.tombstones), str(looked.named))
    return looked.topic, ranges or "empty", *numbers, str(looked.descriptors)


def _notes(proof: Proof, zone: LocalTime) -> Iterable[str]:
    if proof.descriptor_runs:
        share = "" if proof.searched_share == 1 else f", {proof.searched_share:.1%} of all"
        yield f"searched for by key, by id, and by {proof.descriptor_runs:,} runs of its descriptors' bytes{share}"
    else:
        yield "searched for by key and by id; of its descriptors nothing was left to search for"
    yield f"not read, because nothing of a case is written there: {', '.join(proof.not_looked)}"
    if others := sum(looked.others_descriptors for looked in proof.looked):
        yield f"{others} records of other cases, or of posted copies, have descriptors with equal bytes; they stay"
    if proof.files_gone_at is not None and proof.is_clean:
        yield f"the broker deletes the replaced files until {zone.second(proof.files_gone_at)}"


def _problems(proof: Proof) -> Iterable[str]:
    for topic, why in proof.refusals.items():
        yield f"{topic} was not compacted at once: {why}"
    for looked in proof.looked:
        if looked.problem:
            yield f"{looked.topic} could not be read to its end: {looked.problem}"
        if looked.entries:
            gone = place_of(looked.topic).gone
            when = "" if proof.refusals.get(looked.topic) == NOT_COMPACTING else f"; they are gone {gone}"
            yield f"{looked.topic} still holds {looked.entries} erased entries{when}"
        if looked.descriptors:
            yield f"{looked.topic} holds descriptors of it in {looked.descriptors} records"
    what = f"reference {proof.reference_id} of {proof.case_id}" if proof.reference_id else proof.case_id
    yield f"{what}: {_CLEAN if proof.is_clean else _NOT_CLEAN}"


def _table(console: Console, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*head, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table)
