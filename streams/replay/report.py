"""Page of a comparison: one file, without scripts and without pictures of media."""

from collections.abc import Iterable, Sequence
from html import escape

from streams.evaluation import web_page
from streams.replay.comparison import Comparison
from streams.replay.cost import Cost, Latency
from streams.replay.decision import formatted
from streams.replay.plots import plot

_MOST_CHANGES = 200


def page(found: Comparison) -> str:
    """Return the page as HTML; every text of a record is escaped."""
    sections = [
        ("Go or no-go", _decision(found)),
        ("Sides", _sides(found)),
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


def _sides(found: Comparison) -> str:
    rows = [
        ("candidate", f"{found.run}, from {found.source}", "; ".join(found.choice)),
        (
            "against",
            found.against,
            "; ".join(found.against_choice) or "models and policy live at the time of each post",
        ),
        (
            "posts",
            f"{found.posts} and {found.against_posts}",
            "with a verdict of the candidate, and of these with one of the other side",
        ),
        ("pairs of post and case", str(found.pairs), f"{len(found.changes)} with another decision"),
        ("labels", str(found.labels), f"{found.copies} copies"),
        ("made", f"{found.at:%Y-%m-%d %H:%M:%S} UTC", ""),
    ]
    return _table(("", "", ""), rows)


def _counts(counts: dict[str, dict[str, int]]) -> str:
    rows = [(transition, reason, str(n)) for transition, reasons in counts.items() for reason, n in reasons.items()]
    return _table(("decision", "reason", "posts"), rows)


def _quality(found: Comparison) -> str:
    rows = []
    for kind, after in found.quality.items():
        before = found.against_quality[kind]
        rows.append((f"precision of {kind}", formatted(before.precision), formatted(after.precision)))
        rows.append((f"recall of {kind}", formatted(before.recall), formatted(after.recall)))
    return _table(("with 95 % intervals (Wilson)", found.against, found.run), rows)


def _plots(found: Comparison) -> str:
    panels = {"probability": found.probabilities} | {f"{name} score": points for name, points in found.scores.items()}
    if not found.probabilities:
        return "<p>Neither side has a verdict on a case.</p>"
    return plot(panels, found.against, found.run)


def _cost(cost: Cost) -> str:
    rows = [(stage.stage, _seconds(stage.before_s), _seconds(stage.after_s)) for stage in cost.stages]
    return _table(("CPU seconds per record", "before", "after"), rows)


def _latency(found: Comparison) -> str:
    rows = [_quantiles(found.against, found.against_waiting), _quantiles(found.run, found.waiting)]
    return _table(("seen to verdict", "posts", "median", "95 % within", "99 % within"), rows)


def _quantiles(name: str, latency: Latency | None) -> tuple[str, ...]:
    if latency is None:
        return name, "not measured: a replay has the event time of its records", "", "", ""
    return name, str(latency.n), f"{latency.p50_s:.2f} s", f"{latency.p95_s:.2f} s", f"{latency.p99_s:.2f} s"


def _changes(found: Comparison) -> str:
    listed = found.changes[:_MOST_CHANGES]
    rows = [
        (
            c.transition,
            f"{c.before_probability:.3f} -> {c.after_probability:.3f}",
            c.reason,
            c.case_id,
            c.post_id,
            c.url,
        )
        for c in listed
    ]
    table = _table(("decision", "probability", "reason", "case", "post", "address"), rows)
    n_left = len(found.changes) - len(listed)
    return table + (f"<p>and {n_left} more, all of them in the JSON file</p>" if n_left else "")


def _seconds(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6f}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return web_page.table(headings, rows, _cell)


def _cell(text: str) -> str:
    styles = {
        "go": ' class="go"',
        "no-go": ' class="no-go"',
        "not measured": ' class="not"',
        "not judged": ' class="not"',
    }
    return f"<td{styles.get(text, '')}>{escape(text)}</td>"
