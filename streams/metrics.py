"""Every metric, declared once: seconds and bytes, few label values, never an id."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)

STAGE_SECONDS = Histogram(
    "jikimi_stage_seconds", "From reading a record to its outcome being durable.", ["stage"], buckets=_SECONDS
)
WINDOW_DEPTH = Gauge("jikimi_window_depth", "Records in flight or waiting for an earlier one.", ["stage"])
DEAD_LETTERS = Counter("jikimi_dead_letters_total", "Records given up on.", ["stage", "reason", "fate"])
VERDICTS = Counter("jikimi_verdicts_total", "Verdicts by decision and what brought them.", ["decision", "reason"])
TAKEDOWNS = Counter("jikimi_takedowns_total", "Takedown events.", ["state"])
END_TO_END_SECONDS = Histogram(
    "jikimi_end_to_end_seconds", "From a post being seen by a feed to its verdict.", ["decision"], buckets=_SECONDS
)
