"""Prometheus queries, each defined once: panels and alerts are built from these.

Rates are written over five minutes; `over` sets another window. Everything keeps the label `namespace`, which is empty
outside Kubernetes, so that two systems watched by one Prometheus stay apart.
"""

import re

_METRIC = re.compile(r"\bjikimi[_:][\w:]+\b(\{)?")
_WINDOW = "[5m]"


def over(signal: str, window: str) -> str:
    """Return the signal with its rates taken over another window, such as 1h."""
    return signal.replace(_WINDOW, f"[{window}]")


def where(signal: str, matchers: str) -> str:
    """Return the signal restricted to matching series, such as ``stage="match"``, in addition to its own matchers."""
    return _METRIC.sub(lambda metric: f"{metric[0].removesuffix('{')}{{{matchers}{',' if metric[1] else '}'}", signal)


def quantile(q: float, histogram: str, labels: str, matchers: str = "") -> str:
    """Return a quantile of a histogram, one series for each value of the labels."""
    return f"histogram_quantile({q:g}, {heatmap(histogram, labels, matchers)})"


def heatmap(histogram: str, labels: str = "", matchers: str = "") -> str:
    """Return observations per second in each bucket of a histogram."""
    by = ", ".join(["namespace", "le", *filter(None, [labels])])
    chosen = f"{{{matchers}}}" if matchers else ""
    return f"sum by ({by}) (rate({histogram}_bucket{chosen}[5m]))"


def mean(histogram: str, labels: str) -> str:
    """Return the mean of a histogram's observations, one series for each value of the labels."""
    parts = (f"sum by (namespace, {labels}) (rate({histogram}_{part}[5m]))" for part in ("sum", "count"))
    return " / ".join(parts)


# Freshness, as measured by the monitor at the broker.
OLDEST_AGE = "max by (namespace, stage) (jikimi_oldest_record_age_seconds)"
WAITING_RECORDS = "max by (namespace, stage) (jikimi_waiting_records)"
MONITOR_SILENCE = "time() - max by (namespace) (jikimi_monitor_looked_timestamp_seconds)"
LATE_SEARCH_REFERENCES = "sum by (namespace, state) (jikimi_late_search_references)"
LIST_SEARCH_WAITING = "sum by (namespace) (jikimi_list_search_waiting)"
LATE_SEARCH_WAITING = "sum by (namespace) (jikimi_late_search_waiting)"

# Posts with a verdict within 60 s of a feed receiving them; a post without a verdict shows in OLDEST_AGE instead.
_VERDICTS = 'jikimi_end_to_end_seconds_{part}{{since="seen",until="verdict"{within}}}[5m]'
_ALL = _VERDICTS.format(part="count", within="")
_IN_TIME = _VERDICTS.format(part="bucket", within=',le="60.0"')
LATE_RATIO = f"1 - sum by (namespace) (rate({_IN_TIME})) / sum by (namespace) (rate({_ALL}))"
LATE_POSTS = f"sum by (namespace) (increase({_ALL})) - sum by (namespace) (increase({_IN_TIME}))"

SEEN_TO_VERDICT = {"histogram": "jikimi_end_to_end_seconds", "labels": "", "matchers": 'since="seen",until="verdict"'}

# Stages.
RECORDS = "sum by (namespace, stage) (rate(jikimi_stage_seconds_count[5m]))"
INPUT_BYTES = "sum by (namespace, stage) (rate(jikimi_input_bytes_total[5m]))"
OUTPUT_BYTES = "sum by (namespace, stage, topic) (rate(jikimi_output_bytes_total[5m]))"
WINDOW_DEPTH = "sum by (namespace, stage) (jikimi_window_depth)"
COMMIT_AGE = "max by (namespace, stage) (jikimi_commit_age_seconds)"
RETRIES = "sum by (namespace, stage, reason) (rate(jikimi_retries_total[5m]))"
DEAD_LETTERS = "sum by (namespace, stage, reason, fate) (rate(jikimi_dead_letters_total[5m]))"
DEAD_LETTER_RATIO = (
    "sum by (namespace, stage) (rate(jikimi_dead_letters_total[5m]))"
    " / sum by (namespace, stage) (rate(jikimi_stage_seconds_count[5m]))"
)
# A counter that first appears with value 1 has no increase yet: it counts as new where it did not exist before.
BUGS = (
    'sum by (namespace, stage, reason) (increase(jikimi_dead_letters_total{fate="bug"}[5m]) > 0'
    ' or (jikimi_dead_letters_total{fate="bug"} unless jikimi_dead_letters_total{fate="bug"} offset 5m) > 0)'
)
_OF_STAGE = " and on (namespace, job, instance) jikimi_window_depth"
CPU = f"sum by (namespace, instance) (rate(process_cpu_seconds_total[5m]){_OF_STAGE})"
MEMORY = f"sum by (namespace, instance) (process_resident_memory_bytes{_OF_STAGE})"
WORKERS_DOWN = 'up{job=~".*jikimi.*"} == 0'
RESTARTS = 'changes(process_start_time_seconds{job=~".*jikimi.*"}[5m])'

# Media.
FETCHES_WAITING = "sum by (namespace) (jikimi_fetches_waiting)"
FETCH_FAILURES = "sum by (namespace, reason) (rate(jikimi_fetch_failures_total[5m]))"
MEDIA_DISK = "sum by (namespace) (jikimi_media_disk_bytes)"
DECODER_MEMORY = "sum by (namespace, kind) (jikimi_sandbox_memory_bytes)"
MISSING_LAYERS = "max by (namespace, layer) (jikimi_sandbox_layer_missing)"

# Models.
_VERSIONS = "max by (namespace, modality, model, version, provider) (jikimi_model_info)"
MODELS = f"{_VERSIONS} == 1"
# A shadow's candidate is meant to be another version.
LIVE_VERSIONS = (
    "count by (namespace, modality) (count by (namespace, modality, model, version)"
    " (jikimi_model_info == 1 unless on (namespace, job, instance) jikimi_shadow_verdicts_total))"
)
MODEL_LOAD = "max by (namespace, modality, model, version) (jikimi_model_load_seconds)"
MODEL_BEHIND = "max by (namespace, modality) (jikimi_model_behind)"
REFERENCES = "max by (namespace, modality) (jikimi_reference_pieces)"
REUSE = "sum by (namespace, stage, outcome) (rate(jikimi_reuse_total[5m]))"
SHADOW_VERDICTS = "sum by (namespace, outcome) (rate(jikimi_shadow_verdicts_total[5m]))"
SHADOW_DIFFERENCE = (
    'sum by (namespace) (rate(jikimi_shadow_verdicts_total{outcome=~"gained|lost"}[5m]))'
    ' / sum by (namespace) (rate(jikimi_shadow_verdicts_total{outcome!="alone"}[5m]))'
)

# Cases, verdicts and takedowns.
OPEN_CASES = "max by (namespace) (jikimi_open_cases)"
UNCONFIRMED_CASES = "max by (namespace) (jikimi_unconfirmed_cases)"
UNCONFIRMED_CASE_AGE = "max by (namespace) (jikimi_unconfirmed_case_age_seconds)"
VERDICTS = "sum by (namespace, decision) (rate(jikimi_verdicts_total[5m]))"
VERDICT_REASONS = "sum by (namespace, reason) (rate(jikimi_verdicts_total[5m]))"
LOOKS_ASKED = "sum by (namespace, reason) (rate(jikimi_looks_asked_total[5m]))"
LOOKS_ANSWERED = "sum by (namespace, outcome) (rate(jikimi_looks_answered_total[5m]))"
TAKEDOWN_EVENTS = "sum by (namespace, state) (increase(jikimi_takedowns_total[5m]))"
DELIVERY_STEPS = "sum by (namespace, kind, outcome) (increase(jikimi_delivery_steps_total[5m]))"
_FAILED = 'kind="attempt",outcome=~"failed|refused"'
NOTICES_FAILED = f"sum by (namespace, platform, outcome) (increase(jikimi_delivery_steps_total{{{_FAILED}}}[5m]))"
PLATFORM_ANSWERS = "sum by (namespace, kind, outcome) (increase(jikimi_answers_total[5m]))"
DELIVERIES_OPEN = "sum by (namespace) (jikimi_deliveries_open)"
TAKEDOWNS_PENDING = "max by (namespace, state) (jikimi_takedowns_pending)"
TAKEDOWNS_FROZEN = "max by (namespace) (jikimi_takedowns_frozen)"
TAKEDOWNS_HELD = 'max by (namespace) (jikimi_takedowns_pending{state="held"})'
TAKEDOWN_AGE = "max by (namespace, state) (jikimi_takedown_age_seconds)"
OLDEST_TAKEDOWN = "max by (namespace) (jikimi_takedown_age_seconds)"
TAKEDOWNS_OVERDUE = "max by (namespace, clock) (jikimi_takedowns_overdue)"

# Feeds and topics.
FEED_EVENTS = "sum by (namespace, feed, kind) (rate(jikimi_feed_events_total[5m]))"
FEED_DEAD_LETTERS = "sum by (namespace, feed, reason) (increase(jikimi_feed_dead_letters_total[5m]))"
FEED_LAG = "max by (namespace, feed) (jikimi_feed_lag_seconds)"
FEED_CONNECTED = "max by (namespace, feed) (jikimi_feed_connected)"
FEED_RECONNECTS = "sum by (namespace, feed, reason) (increase(jikimi_feed_reconnects_total[5m]))"
HTTP_REQUESTS = "sum by (namespace, code) (rate(jikimi_http_requests_total[5m]))"
TOPIC_GROWTH = "max by (namespace, topic) (deriv(jikimi_topic_records[5m]))"
TOPIC_RECORDS = "max by (namespace, topic) (jikimi_topic_records)"
ALERTS_FIRING = 'count(ALERTS{alertname=~"Jikimi.*",alertstate="firing"}) or vector(0)'
N_WORKERS_DOWN = f"count({WORKERS_DOWN}) or vector(0)"
