"""Records of the archive search: lists are in them, and their many changes are written seldom."""

from schemas.messages import CaseSearch
from streams.match.list_progress import ListProgress
from streams.match.search_order import PieceWork
from streams.match.search_report import SearchReport


def test_a_change_of_a_list_waits_until_a_record_is_due_and_one_of_a_case_does_not() -> None:
    lists = ListProgress()
    report = SearchReport(lists)
    lists.begin([("list-a", 0)] * 2, [("list-a", 0)] * 2)
    report.begin({0, 1}, {}, {}, reach=3)
    first, other = report.due(is_end=True)
    assert (first.cases, first.n_cases, first.left) == ([CaseSearch(case_id="list-a", left=2, of=2)], 1, 0)
    assert other.cases == []
    report.written(first)
    report.written(other)
    lists.done("list-a", 0)
    assert report.due(is_end=True) == []
    report.begin({0, 1}, {"token": {1}}, {"token": PieceWork(("case-a", "r1"), 7)}, reach=4)
    assert [(one.partition, one.left) for one in report.due(is_end=True)] == [(0, 0), (1, 7)]
    report.begin({0, 1}, {}, {}, reach=3)
    report._due_s = 0.0
    (due,) = report.due(is_end=True)
    assert due.cases == [CaseSearch(case_id="list-a", left=1, of=2)]
