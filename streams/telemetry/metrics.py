"""All metrics: in seconds and bytes, with few label values, never an id.

With PROMETHEUS_MULTIPROC_DIR set, the processes of one container are summed; see streams/telemetry/metrics_server.py.
"""

import os
from datetime import datetime
from functools import partial
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from schemas.ids import full_name
from schemas.messages import PostRef

disable_created_metrics()  # type: ignore[no-untyped-call] # they double the number of series, and a counter's reset shows a restart too
if _folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    # Each metric opens its file here. An earlier process with this pid may have left its files before a restart.
    Path(_folder).mkdir(parents=True, exist_ok=True)
    for _left in Path(_folder).glob(f"gauge_live*_{os.getpid()}.db"):
        _left.unlink()

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
_LONG_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_TENTHS = tuple(round(0.1 * step, 1) for step in range(1, 11))

# Of the values of several processes, a gauge shows the sum, the largest or the latest.
_sum_gauge = partial(Gauge, multiprocess_mode="livesum")
_max_gauge = partial(Gauge, multiprocess_mode="livemax")
_latest_gauge = partial(Gauge, multiprocess_mode="livemostrecent")

# Every stage.
STAGE_SECONDS = Histogram(
    "jikimi_stage_seconds", "Time from reading a record to its durable outcome.", ["stage"], buckets=_SECONDS
)
WAITING_SECONDS = Histogram(
    "jikimi_waiting_seconds",
    "Time from the write of a record to its read by the stage.",
    ["stage"],
    buckets=_LONG_SECONDS,
)
WINDOW_DEPTH = _sum_gauge("jikimi_window_depth", "Records in flight or waiting for an earlier one.", ["stage"])
COMMIT_AGE_SECONDS = _max_gauge(
    "jikimi_commit_age_seconds",
    "Time for which the oldest record in flight has blocked its partition's commits; 0 without records in flight.",
    ["stage"],
)
INPUT_BYTES = Counter("jikimi_input_bytes_total", "Bytes of processed records.", ["stage"])
OUTPUT_BYTES = Counter("jikimi_output_bytes_total", "Bytes of records written and acknowledged.", ["stage", "topic"])
RETRIES = Counter("jikimi_retries_total", "Retries after a transient failure.", ["stage", "reason"])
DEAD_LETTERS = Counter("jikimi_dead_letters_total", "Records that became dead letters.", ["stage", "reason", "fate"])

# Media.
FETCHES_WAITING = _sum_gauge("jikimi_fetches_waiting", "Media that wait for their turn to be fetched.")
FETCH_FAILURES = Counter("jikimi_fetch_failures_total", "Attempts to fetch a medium that failed for now.", ["reason"])
MEDIA_DISK_BYTES = _sum_gauge("jikimi_media_disk_bytes", "Bytes on disk reserved for fetched media.")

# Work done before.
REUSE = Counter(
    "jikimi_reuse_total",
    "Media in decode, segments in the other stages: reused, new, or lost, whose earlier outputs could not be read.",
    ["stage", "outcome"],
)

# Models.
MODEL_INFO = _max_gauge("jikimi_model_info", "1 for each model in use.", ["modality", "model", "version", "provider"])
MODEL_LOAD_SECONDS = _max_gauge(
    "jikimi_model_load_seconds", "Time to verify and load a model.", ["modality", "model", "version"]
)
MODEL_BEHIND = _max_gauge(
    "jikimi_model_behind", "1 while the live model cannot be loaded and another one serves.", ["modality"]
)
MODEL_SECONDS = Histogram("jikimi_model_seconds", "Time of one model call.", ["modality"], buckets=_SECONDS)
BATCH_ROWS = Histogram("jikimi_batch_rows", "Rows in one model call.", ["modality"], buckets=_ROWS)
SCORE = Histogram(
    "jikimi_score", "A segment's best score in any reference, if it has one.", ["modality"], buckets=_TENTHS
)

# The sandbox of the decoders.
SANDBOX_LAYER_MISSING = _max_gauge(
    "jikimi_sandbox_layer_missing", "1 for each layer of the decoders' isolation that does not hold in full.", ["layer"]
)
SANDBOX_MEMORY_BYTES = _sum_gauge(
    "jikimi_sandbox_memory_bytes", "Memory that running decoders may use, and the most that all may.", ["kind"]
)
"""Kind: reserved, budget."""

# Posts, cases and takedowns.
LOOKS_ASKED = Counter("jikimi_looks_asked_total", "Second looks asked for, by reason.", ["reason"])
LOOKS_ANSWERED = Counter(
    "jikimi_looks_answered_total",
    "Second looks by what became of them: seen, the reason why not, or deadline.",
    ["outcome"],
)
LOOK_SECONDS = Histogram(
    "jikimi_look_seconds",
    "From a second look's request to its answer in fusion.",
    buckets=(0.5, 1, 2, 5, 10, 20, 30, 60),
)
VERDICTS = Counter("jikimi_verdicts_total", "Verdicts by decision and reason.", ["decision", "reason"])
PROBABILITY = Histogram("jikimi_probability", "Probability of verdicts on a case.", ["decision"], buckets=_TENTHS)
END_TO_END_SECONDS = Histogram(
    "jikimi_end_to_end_seconds",
    "From a post's publication (published) or arrival at a feed (seen) to its verdict or takedown; without old posts.",
    ["since", "until"],
    buckets=_LONG_SECONDS,
)
LATE_SEARCH_SECONDS = Histogram(
    "jikimi_late_search_seconds",
    "Time of one turn of a new reference in the archive: one of its pieces, or 10 s of its hits.",
    buckets=_SECONDS,
)
LATE_SEARCH_WAITING = _sum_gauge("jikimi_late_search_waiting", "Reference pieces not yet compared with all old posts.")
LIST_SEARCH_WAITING = _sum_gauge(
    "jikimi_list_search_waiting", "Files of past hashes not yet compared with all of a list, by list and file."
)
LATE_SEARCH_REFERENCES = _sum_gauge(
    "jikimi_late_search_references", "References, all and those not yet compared with all old posts.", ["state"]
)
OPEN_CASES = _max_gauge("jikimi_open_cases", "Open cases, as match and the monitor count them; 0 in other processes.")
UNCONFIRMED_CASES = _max_gauge(
    "jikimi_unconfirmed_cases", "Open cases that wait for their second person; 0 in other processes than the monitor."
)
UNCONFIRMED_CASE_AGE_SECONDS = _max_gauge(
    "jikimi_unconfirmed_case_age_seconds", "Time since the oldest case that waits for its second person was opened."
)
REFERENCE_PIECES = _max_gauge("jikimi_reference_pieces", "Active reference pieces.", ["modality"])
TAKEDOWNS = Counter("jikimi_takedowns_total", "Takedown events.", ["state"])
TAKEDOWNS_FROZEN = _max_gauge(
    "jikimi_takedowns_frozen", "Takedowns with an event that does not verify: nothing is done until a person decides."
)
DELIVERY_STEPS = Counter(
    "jikimi_delivery_steps_total",
    "Steps of deliveries: attempts to send a notice, looks, reminders, escalations, by platform and outcome.",
    ["platform", "kind", "outcome"],
)
NOTICE_SECONDS = Histogram(
    "jikimi_notice_seconds", "From a takedown's last event to its first notice.", buckets=_LONG_SECONDS
)
DELIVERIES_OPEN = _sum_gauge("jikimi_deliveries_open", "Takedowns for which a step is still to be taken.")

# Feeds.
FEED_EVENTS = Counter(
    "jikimi_feed_events_total", "Events of a feed: post, removal, dead_letter or ignored.", ["feed", "kind"]
)
FEED_DEAD_LETTERS = Counter(
    "jikimi_feed_dead_letters_total",
    "Dead letters of a feed by reason, also those beside a post, as of an embed of an unknown type.",
    ["feed", "reason"],
)
FEED_LAG_SECONDS = _max_gauge("jikimi_feed_lag_seconds", "Age of a feed's newest event when it arrived.", ["feed"])
FEED_CONNECTED = _max_gauge("jikimi_feed_connected", "1 while a feed is connected.", ["feed"])
FEED_RECONNECTS = Counter(
    "jikimi_feed_reconnects_total",
    "Reconnects of a feed, by the reason why the last connection ended.",
    ["feed", "reason"],
)
HTTP_REQUESTS = Counter("jikimi_http_requests_total", "Requests to the HTTP feed.", ["code"])

# `jikimi answers`.
ANSWERS = Counter(
    "jikimi_answers_total", "Answers to notices, from webhooks, outcomes and bounces of mail.", ["kind", "outcome"]
)

# `jikimi monitor`: computed from the broker, so correct even for a stage that hangs or does not run.
OLDEST_RECORD_AGE_SECONDS = _latest_gauge(
    "jikimi_oldest_record_age_seconds", "Age of the stage's oldest unprocessed record; 0 without one.", ["stage"]
)
WAITING_RECORDS = _latest_gauge(
    "jikimi_waiting_records", "Unprocessed records of the stage: its consumer lag.", ["stage"]
)
TOPIC_RECORDS = _latest_gauge(
    "jikimi_topic_records", "Sum of a topic's end offsets; its rate is the rate of writes.", ["topic"]
)
TAKEDOWNS_PENDING = _latest_gauge(
    "jikimi_takedowns_pending", "Takedowns with an open request to a platform, and those held for a person.", ["state"]
)
TAKEDOWN_AGE_SECONDS = _latest_gauge(
    "jikimi_takedown_age_seconds", "Age of the oldest pending takedown, from its first event.", ["state"]
)
TAKEDOWNS_OVERDUE = _latest_gauge(
    "jikimi_takedowns_overdue", "Pending takedowns past a law's clock (24h Korea, 48h United States).", ["clock"]
)
MONITOR_LOOKED = _latest_gauge(
    "jikimi_monitor_looked_timestamp_seconds",
    "Time of the monitor's last update from the broker, seconds since the epoch.",
)

# A shadow.
SHADOW_VERDICTS = Counter(
    "jikimi_shadow_verdicts_total", "A shadow's decisions compared with the live ones.", ["outcome"]
)
"""Outcome: same, gained (the shadow's decision is stronger), lost (weaker), alone (no live decision in time)."""

_loaded: set[tuple[str, str, str, str]] = set()


def model_loaded(modality: str, model: str, version: str, provider: str, seconds: float) -> None:
    """Record that a model was loaded."""
    MODEL_LOAD_SECONDS.labels(modality, model, version).set(seconds)
    _loaded.add((modality, model, version, provider))


def model_in_use(modality: str, model: str) -> None:
    """Record which loaded model of a modality is in use, "name@version"."""
    for labels in _loaded:
        if labels[0] == modality:
            MODEL_INFO.labels(*labels).set(full_name(labels[1], labels[2]) == model)


def observe_end_to_end(post: PostRef, until: str, at: datetime) -> None:
    """Record the time from a post to its verdict or takedown; not for a post that a new case found in the archive."""
    for since, moment in (("published", post.published_at), ("seen", post.seen_at)):
        END_TO_END_SECONDS.labels(since, until).observe(max(0.0, (at - moment).total_seconds()))
