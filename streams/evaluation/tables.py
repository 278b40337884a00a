"""Tables of an evaluation for the console."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from streams.evaluation.outcomes import Outcomes
from streams.evaluation.result import LookFigures, Result


def tables(result: Result) -> Iterator[Table]:
    """Yield the tables: outcomes by edit and by material, ranking by modality, wrong uploads, cost, second looks."""
    yield _outcomes("edit", result.per_edit)
    if result.per_material:
        yield _outcomes("material", result.per_material)
    yield _ranking(result)
    yield _wrong(result)
    if result.looks is not None:
        yield _looks(result, result.looks)


def _outcomes(name: str, found: Mapping[str, Outcomes]) -> Table:
    table = Table(name, "copies", "act", "review", "lost", box=None)
    for group, each in found.items():
        table.add_row(group, str(each.copies), str(each.act), str(each.review), str(each.lost))
    if len(found) > 1:
        totals = [str(sum(getattr(each, field) for each in found.values())) for field in Outcomes.__struct_fields__]
        table.add_row("together", *totals)
    return table


def _ranking(result: Result) -> Table:
    table = Table("modality", "copies", "micro-AP", "recall at P=1", "at P=0.99", "false acts", box=None)
    for modality, found in result.per_modality.items():
        ranks = (found.micro_ap, found.recall_at_p100, found.recall_at_p99)
        table.add_row(modality, str(found.copies), *(f"{value:.4f}" for value in ranks), str(found.false_acts))
    cost = result.cpu_s_per_minute
    iou = "unknown" if result.interval_iou is None else f"{result.interval_iou:.3f}"
    cpu = "from a cache" if cost is None else f"{cost:.2f} CPU s per 60 s"
    table.add_row("", "", f"interval IoU {iou}", cpu, "", "")
    return table


def _wrong(result: Result) -> Table:
    table = Table("wrong", "uploads", "acts", "reviews", "share of reviews", box=None)
    for name, each in result.wrong.items():
        share = f"{each.reviews / each.uploads:.1%}" if each.uploads else ""
        table.add_row(name, str(each.uploads), str(each.acts), str(each.reviews), share)
    for length, cost in result.cpu_s_per_minute_by_length.items():
        table.add_row(f"CPU s per 60 s, clips of {length}", "", "", "", f"{cost:.2f}")
    return table


def _looks(result: Result, looks: LookFigures) -> Table:
    """Return what the first pass alone and what both passes find, and what each costs."""
    table = Table("", "act", "review", "lost", "recall at P=1", "CPU s per 60 s", box=None)
    rows = {
        "first pass": (looks.without, looks.recall_at_p100_without, result.cpu_s_per_minute),
        "with looks": (result.outcome, result.recall_at_p100, result.look_cpu_s_per_minute),
    }
    for name, (found, recall, cost) in rows.items():
        counts = (str(count) for count in (found.act, found.review, found.lost))
        table.add_row(name, *counts, f"{recall:.4f}", "from a cache" if cost is None else f"{cost:.2f}")
    table.add_row(f"{looks.per_upload:.2f} looks an upload, at {looks.share_of_uploads:.1%} of them")
    return table
