from datetime import timedelta
from pathlib import Path

from schemas.messages import Delivery
from streams.desk.case_book import CaseBook, CaseNote
from streams.desk.list_cases import Counts, HitCounter, _withdrawn_rows, aligned
from streams.desk.local_time import LocalTime
from streams.settings import load_settings
from tests.unit.made_messages import NOW, takedown

DUE = NOW + timedelta(hours=48)


def test_hits_are_counted_by_their_last_state() -> None:
    counter = HitCounter()
    for event in [
        takedown(),
        takedown(state="removed"),
        takedown(takedown_id="t2"),
        takedown(takedown_id="t3", state="held"),
        takedown(takedown_id="t4", state="withdrawn", case_id="case-b", at=DUE),
    ]:
        counter.event(event)
    for takedown_id in ("t1", "t2"):
        step = Delivery(
            delivery_id="d", takedown_id=takedown_id, case_id="case-a", kind="attempt", outcome="delivered", number=1,
            at=NOW, due_at=DUE,
        )  # fmt: skip
        counter.step(step)
    assert counter.counts(DUE + timedelta(seconds=1)) == {
        "case-a": Counts(hits=3, n_open=2, overdue=1),
        "case-b": Counts(hits=1, withdrawn_at=DUE),
    }
    assert counter.counts(NOW)["case-a"].overdue == 0


def test_a_withdrawn_case_is_listed_by_pseudonym_times_and_counts_only(tmp_path: Path) -> None:
    settings = load_settings(desk_folder=tmp_path, time_zone="UTC")
    book = CaseBook(settings)
    book.write(CaseNote(case_id="case-w", name="river", opened_at=NOW, files={"r1": "holiday.mp4"}))
    book.withdraw("case-w", DUE)
    counts = {"case-w": Counts(hits=4), "case-open": Counts(hits=1), "case-else": Counts(hits=2, withdrawn_at=NOW)}
    rows = list(_withdrawn_rows(book, {"case-open": []}, counts, LocalTime(settings)))
    assert rows == [
        ("case-else", "?", "?", "withdrawn 2026-03-01 12:30 UTC", "-", "-", "2", "0", "0", "0"),
        ("case-w", "river", "2026-03-01 12:30 UTC", "withdrawn 2026-03-03 12:30 UTC", "-", "-", "4", "0", "0", "0"),
    ]
    assert b"holiday" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_no_cell_is_cut() -> None:
    assert list(aligned([("a", "bb"), ("x" * 200, "c")])) == ["a" + " " * 199 + "  bb", "x" * 200 + "  c"]
