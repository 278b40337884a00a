"""A comparison as one page that needs nothing else: no script, no picture of anybody's media."""

from collections.abc import Iterable, Sequence
from html import escape

from streams.evaluation import web_page
from streams.replay.comparison import Comparison
from streams.replay.cost import Cost, Waiting
from streams.replay.decision import told
from streams.replay.plots import plot

_MOST_CHANGES = 200


def page(found: Comparison) -> str:
    """Return the page; every word of a record is escaped."""
    sections = [
        ("Go or no-go", _decision(found)),
        ("What was compared", _compared(found)),
        ("Gained", _counts(found.gained)),
        ("Lost", _counts(found.lost)),
        ("Against labels", _quality(found)),
        ("Probabilities and scores", _plots(found)),
        ("Cost", _cost(found.cost)),
        ("Latency", _latency(found)),
        ("Each change", _changes(found)),
    ]
    return web_page.page(f"{found.run} against {found.against}", sections, "go" if found.go else "no-go")


def _decision(found: Comparison) -> str:
    rows = [(row.name, row.measured, row.allowed, row.outcome) for row in found.rows]
    return _table(("what", "measured", "allowed", "outcome"), rows)


def _compared(found: Comparison) -> str:
    rows = [
        ("candidate", f"{found.run}, from {found.source}", "; ".join(found.choice)),
        ("against", found.against, "; ".join(found.against_choice) or "what was live when each post passed"),
        ("posts", f"{found.posts} and {found.against_posts}", "judged by the candidate, and by the other of these"),
        ("posts with a case", str(found.pairs), f"{len(found.changes)} decided otherwise"),
        ("labels", str(found.labels), f"{found.copies} copies"),
        ("made", f"{found.at:%Y-%m-%d %H:%M:%S} UTC", ""),
    ]
    return _table(("", "", ""), rows)


def _counts(counts: dict[str, dict[str, int]]) -> str:
    rows = [(way, reason, str(n)) for way, reasons in counts.items() for reason, n in reasons.items()]
    return _table(("decision", "what made the difference", "posts"), rows)


def _quality(found: Comparison) -> str:
    rows = []
    for kind, after in found.quality.items():
        before = found.against_quality[kind]
        rows.append((f"precision of {kind}", told(before.precision), told(after.precision)))
        rows.append((f"recall of {kind}", told(before.recall), told(after.recall)))
    return _table(("with 95 % intervals (Wilson)", found.against, found.run), rows)


def _plots(found: Comparison) -> str:
    panels = {"probability": found.probabilities} | {f"{name} score": points for name, points in found.scores.items()}
    if not found.probabilities:
        return "<p>Neither side named a case.</p>"
    return plot(panels, found.against, found.run)


def _cost(cost: Cost) -> str:
    rows = [(stage.stage, _seconds(stage.before_s), _seconds(stage.after_s)) for stage in cost.stages]
    return _table(("CPU seconds for one record", "before", "after"), rows)


def _latency(found: Comparison) -> str:
    rows = [_waited(found.against, found.against_waiting), _waited(found.run, found.waiting)]
    return _table(("from seen to verdict", "posts", "half within", "95 % within", "99 % within"), rows)


def _waited(name: str, waiting: Waiting | None) -> tuple[str, ...]:
    if waiting is None:
        return name, "not measured: a replay has the time of its records", "", "", ""
    return name, str(waiting.n), f"{waiting.p50_s:.2f} s", f"{waiting.p95_s:.2f} s", f"{waiting.p99_s:.2f} s"


def _changes(found: Comparison) -> str:
    shown = found.changes[:_MOST_CHANGES]
    rows = [
        (
            c.transition,
            f"{c.before_probability:.3f} -> {c.after_probability:.3f}",
            c.reason,
            c.case_id,
            c.post_id,
            c.url,
        )
        for c in shown
    ]
    table = _table(("decision", "probability", "what made the difference", "case", "post", "where"), rows)
    left = len(found.changes) - len(shown)
    return table + (f"<p>and {left} more, all of them in the JSON file</p>" if left else "")


def _seconds(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return web_page.table(heads, rows, _cell)


def _cell(text: str) -> str:
    style = {"go": ' class="go"', "no-go": ' class="no-go"', "not measured": ' class="not"'}.get(text, "")
    return f"<td{style}>{escape(text)}</td>"
