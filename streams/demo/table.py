"""Table of the demo's results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.messages import Modality
from streams.demo.live_view import STYLES
from streams.demo.results import PostResult, Report, is_as_expected


def print_table(made: Report, console: Console) -> None:
    """Print one row per post, then the summary and the failures."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("what was done to it", overflow="fold")
    for heading in ("expected", "verdict", "evidence, and where", "seconds", ""):
        table.add_column(heading, justify="right" if heading == "seconds" else "left", no_wrap=True)
    for result in made.posts:
        table.add_row(*_cells(result))
    console.print(table)
    console.print(_summary(made), highlight=False)


def _cells(result: PostResult) -> tuple[str | Text, ...]:
    return (
        Text(result.what),
        "dead letter" if result.kind == "broken" else result.expected,
        _verdict(result),
        _modalities(result),
        "" if result.seconds is None else f"{result.seconds:.1f}",
        _judgement(result),
    )


def _verdict(result: PostResult) -> Text:
    if result.dead_letter_reason is not None:
        return Text(result.dead_letter_reason, style="magenta")
    if result.decision is None:
        return Text("none came", style="bold red")
    if result.decision == "dismiss":
        return Text("none", style="dim")
    return Text(f"{result.decision} {result.case} {result.probability:.2f}", style=STYLES[result.decision])


def _modalities(result: PostResult) -> str:
    """Return the modalities with evidence, each with its longest matched interval of the post's media."""
    intervals: dict[Modality, str] = {}
    for where in sorted(result.where, key=lambda where: where.query[1] - where.query[0]):
        if where.medium >= 0:
            intervals[where.modality] = f" {where.query[0]:.0f}-{where.query[1]:.0f} s"
    return ", ".join(modality + intervals.get(modality, "") for modality in result.modalities)


def _judgement(result: PostResult) -> Text:
    if result.wrong_act:
        return Text("wrong act", style="bold red")
    if result.expected_case is not None and not result.found:
        return Text("missed", style="bold red")
    if (result.kind == "broken") != (result.dead_letter_reason is not None):
        return Text("unexplained", style="bold red")
    if not is_as_expected(result):
        return Text("not as expected", style="bold red")
    return Text("ok", style="green")


def _summary(made: Report) -> str:
    s = made.summary
    found = f"{s.posts} posts: {s.expected - s.missed} of {s.expected} found, {s.missed} missed"
    others = f"{s.acts} acts, {s.reviews} reviews, {s.dead_letters} dead letters"
    lines = [f"{found}, {s.wrong_acts} wrong acts, {s.unexpected} not as expected; {others}"]
    if s.latency_p50_s is not None and s.latency_p99_s is not None:
        lines.append(f"From post to event: p50 {s.latency_p50_s:.1f} s, p99 {s.latency_p99_s:.1f} s")
    if s.looked_at_again:
        lines.append(f"{s.looked_at_again} posts looked at again, where there was perhaps a copy")
    if s.notices:
        lines.append(f"{s.notices} notices written, none sent: the delivery makes a dry run")
    if s.unexplained or s.untold:
        unexplained = f"{s.unexplained} posts without their dead letter or with one too many"
        lines.append(f"{unexplained}, {s.untold} acts without event")
    return "\n".join(lines)
