"""`jikimi case list` and `show`: tables of cases, their references and takedowns."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from models.text.terms import n_terms
from schemas.messages import Case, Standing, Takedown
from streams.cases.coverage import model_of
from streams.cases.entries import read_case, read_cases, references_of
from streams.cases.reference_reviews import read_reviews
from streams.desk.reviewing import QuarantinedReference, quarantined_references
from streams.settings import Settings
from streams.takedown.log import read_takedowns


async def print_cases(settings: Settings, console: Console) -> None:
    """Print one line per open case or allow-list."""
    table = Table("case", "name", "opened", "kind", "references", "terms", box=None)
    for case_id, entries in sorted((await read_cases(settings)).items()):
        opened, kind = f"{entries[0].opened_at:%Y-%m-%d %H:%M} UTC", "allowed" if entries[0].benign else "wanted"
        table.add_row(case_id, entries[0].name, opened, kind, str(len(_durations(entries))), str(_n_terms(entries)))
    console.print(table)


async def print_case(settings: Settings, case_id: str, console: Console) -> None:
    """Print a case's references and their reviews, its terms, models and takedowns.

    Raises
    ------
    UsageError
        There is no such case.
    """
    entries = await read_case(settings, case_id)
    console.print(f"{case_id}  {entries[0].name}  opened {entries[0].opened_at:%Y-%m-%d %H:%M} UTC")
    for policy in filter(None, (entry.policy for entry in entries)):
        console.print(f"acts from {policy.act:g}, review by a person from {policy.review:g}")
    if entries[0].benign:
        console.print("allowed wherever it is found")
    for reference_id, duration_s in _durations(entries).items():
        rows = _rows(entries, reference_id)
        console.print(f"reference {reference_id}  {duration_s:.1f} s  {rows['visual']} frames, {rows['audio']} sounds")
    console.print(f"{_n_terms(entries)} terms")
    models = {(piece.modality, model_of(piece)) for piece in references_of(entries)}
    console.print(f"described by {', '.join(f'{modality} {model}' for modality, model in sorted(models))}")
    reviews = {key: review for key, review in (await read_reviews(settings)).items() if review.case_id == case_id}
    events = [event for event in await read_takedowns(settings) if event.case_id == case_id]
    _print_reviews(reviews, quarantined_references(events, reviews), console)
    _print_takedowns(events, console)


def _print_reviews(
    reviews: Mapping[str, Standing], quarantined: Iterable[QuarantinedReference], console: Console
) -> None:
    for review in sorted(reviews.values(), key=lambda review: review.at):
        why = f": {review.why}" if review.why else ""
        by = f"{review.standing} by {review.by}, {review.at:%Y-%m-%d %H:%M} UTC{why}"
        console.print(f"reference {review.reference_id}  {by}")
    for reference in quarantined:
        since = f"under quarantine since {reference.since:%Y-%m-%d %H:%M} UTC"
        console.print(
            f"reference {reference.reference_id}  {since}, {reference.held} takedowns held: confirm or deconfirm it"
        )


def _print_takedowns(events: Iterable[Takedown], console: Console) -> None:
    table = Table("takedown", "state", "since", "probability", "where", box=None)
    last = {event.takedown_id: event for event in events}
    for event in sorted(last.values(), key=lambda event: event.at):
        row = (event.takedown_id, event.state, f"{event.at:%Y-%m-%d %H:%M:%S} UTC", f"{event.probability:.3f}")
        table.add_row(*row, event.post.url)
    console.print(table)


def _durations(entries: list[Case]) -> dict[str, float]:
    return {piece.reference_id: piece.duration_s for piece in references_of(entries) if piece.modality != "text"}


def _rows(entries: list[Case], reference_id: str) -> Counter[str]:
    """Return a reference's number of rows by modality; of several models, the largest."""
    by_model = Counter[tuple[str, str]]()
    for piece in references_of(entries):
        if piece.reference_id == reference_id:
            by_model[piece.modality, model_of(piece)] += piece.vectors.rows
    most = Counter[str]()
    for (modality, _), rows in by_model.items():
        most[modality] = max(most[modality], rows)
    return most


def _n_terms(entries: list[Case]) -> int:
    return n_terms(digest for piece in references_of(entries) for digest in piece.digests)
