"""`jikimi case show`: one case with its references, hits and waiting reviews."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from schemas.messages import Takedown
from streams.cases.entries import CaseEntries, read_entries
from streams.cases.reference_reviews import read_reviews
from streams.delivery.history import read_deliveries
from streams.desk.build_report import CaseRecords, build_report
from streams.desk.case_book import CaseBook
from streams.desk.case_report import CaseReport, SearchReport
from streams.desk.confirm_case import waits
from streams.desk.local_time import LocalTime
from streams.desk.print_report import ReportLines
from streams.desk.searches import Searches, n_rows, read_searches
from streams.desk.waiting_reviews import acted_on, read_waiting
from streams.errors import UsageError
from streams.settings import Settings
from streams.takedown.log import read_takedowns


async def print_case(settings: Settings, case_id: str, write: Callable[[str], object]) -> None:
    """Write a case's report as lines; raises as `read_report` does."""
    report, lines = await read_report(settings, case_id), ReportLines(LocalTime(settings))
    for line in lines.report(report) if report.withdrawn_at is None else lines.withdrawn(report):
        write(line)


async def print_case_json(settings: Settings, case_id: str, write: Callable[[str], object]) -> None:
    """Write a case's report as one JSON document; raises as `read_report` does."""
    write(msgspec.json.format(msgspec.json.encode(await read_report(settings, case_id)), indent=2).decode())


async def read_report(settings: Settings, case_id: str) -> CaseReport:
    """Return the report of a case, or what is left of a withdrawn one.

    Raises
    ------
    UsageError
        There is and was no such case, as far as this machine and the takedowns show; or the broker does not answer.
    """
    found = await read_entries(settings, case_id)
    waiting = await read_waiting(settings, case_id) if found is not None else {}
    events = await read_takedowns(settings, case_id)
    for event in events:
        acted_on(waiting, event)
    if found is None:
        return _withdrawn(settings, case_id, events)
    reviews = await read_reviews(settings)
    records = CaseRecords(
        entries=found.entries,
        events=events,
        deliveries=await read_deliveries(settings, case_id),
        waiting=sorted(waiting.values(), key=lambda verdict: verdict.decided_at),
        reviews={key: review for key, review in reviews.items() if review.case_id == case_id},
        file_names=CaseBook(settings).file_names(case_id),
        waits=waits(settings, found.entries, reviews),
        search=_search(await read_searches(settings), case_id, found),
    )
    return build_report(records, datetime.now(UTC))


def _search(searches: Searches, case_id: str, found: CaseEntries) -> SearchReport | None:
    if (files := searches.of_list(case_id)) is not None:
        return SearchReport(share=files.done / files.all, files=files.all, compared=files.done)
    state = searches.of_case(case_id, n_rows(found.entries), found.newest)
    return SearchReport(share=state.share, most_s=None if state.is_done else state.most_s) if state else None


def _withdrawn(settings: Settings, case_id: str, events: list[Takedown]) -> CaseReport:
    note, last = CaseBook(settings).find(case_id), {event.takedown_id: event for event in events}
    if not last and (note is None or note.withdrawn_at is None):
        raise UsageError(
            f"no case {case_id}: `jikimi case list` shows the open ones, with --all the withdrawn ones too"
        )
    ends = [event.at for event in events if event.state == "withdrawn"]
    return CaseReport(
        case_id=case_id,
        name=note.name if note else "",
        opened_at=note.opened_at if note else None,
        withdrawn_at=(note.withdrawn_at if note else None) or max(ends, default=events[-1].at if events else None),
        states=dict(Counter(event.state for event in last.values())),
    )
