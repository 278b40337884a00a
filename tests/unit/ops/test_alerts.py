"""Every alert fires and stays silent in the intended cases, tested by promtool."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.prometheus import alerts, rules

_SEEN = 'since="seen",until="verdict"'


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation, and the expected alert at a moment."""

    what: str
    alert: str
    at: str
    series: Mapping[str, str]
    summary: str | None = None
    """None if the alert is silent."""
    labels: Mapping[str, str] = field(default_factory=dict)
    every: str = "1m"
    """Interval between samples, and between evaluations."""


def _verdicts(each: int, in_time: int, times: int) -> dict[str, str]:
    return {
        f"jikimi_end_to_end_seconds_count{{{_SEEN}}}": f"0+{each}x{times}",
        f'jikimi_end_to_end_seconds_bucket{{{_SEEN},le="60.0"}}': f"0+{in_time}x{times}",
    }


_AGE = 'jikimi_oldest_record_age_seconds{stage="match"}'
_LOOKED = "jikimi_monitor_looked_timestamp_seconds"
_EVENTS = 'jikimi_feed_events_total{feed="bluesky",kind="post"}'
_LAG = 'jikimi_feed_lag_seconds{feed="%s"}'
_LETTERS = 'jikimi_dead_letters_total{stage="decode",reason="%s",fate="%s"}'
_DONE = 'jikimi_stage_seconds_count{stage="decode"}'
_TAKEDOWN = 'jikimi_takedown_age_seconds{state="sent"}'
_UP = 'up{job="jikimi",instance="match-0"}'
_BORN = 'process_start_time_seconds{job="jikimi",instance="match-0"}'
_MODEL = 'jikimi_model_info{modality="visual",model="sscd",version="%s",provider="cpu",job="jikimi",instance="%s"}'
_SHADOW = 'jikimi_shadow_verdicts_total{outcome="%s",job="jikimi",instance="shadow-0"}'
_WORKER = {"job": "jikimi", "instance": "match-0"}

CASES = [
    Case(
        "a stalled stage", "JikimiStageBehind", "5m", {_AGE: "0+60x10"},
        "Stage match has left a record waiting for 5m 0s.", {"stage": "match"},
    ),
    Case("a stage that is slow for a moment", "JikimiStageBehind", "5m", {_AGE: "0 90 90 0 0 0 0"}),
    Case("a stage that keeps up", "JikimiStageBehind", "10m", {_AGE: "5x10"}),
    Case(
        "a monitor that cannot reach the broker", "JikimiMonitorSilent", "10m", {_LOOKED: "0x20"},
        "The monitor has not reached the broker: a stage that is behind would go unnoticed.",
    ),
    Case(
        "no monitor at all", "JikimiMonitorSilent", "10m", {_AGE: "0x20"},
        "The monitor has not reached the broker: a stage that is behind would go unnoticed.",
    ),
    Case("a monitor at work", "JikimiMonitorSilent", "10m", {_LOOKED: "0+60x20"}),
    Case(
        "references not searched", "JikimiVictimWaits", "20m", {"jikimi_late_search_waiting": "7x30"},
        "7 pieces of a new victim's references are not searched in the old posts yet.",
    ),
    Case(
        "references searched within minutes", "JikimiVictimWaits", "20m",
        {"jikimi_late_search_waiting": "7x10 0x20"},
    ),
    Case(
        "a disconnected feed", "JikimiFeedDisconnected", "10m", {'jikimi_feed_connected{feed="bluesky"}': "0x20"},
        "Feed bluesky is not connected: its posts are not processed.", {"feed": "bluesky"},
    ),
    Case(
        "a feed that connects again", "JikimiFeedDisconnected", "10m",
        {'jikimi_feed_connected{feed="bluesky"}': "1x5 0x2 1x10"},
    ),
    Case(
        "a feed that went silent", "JikimiFeedSilent", "2h", {_EVENTS: "0+5x60 300x100"},
        "Feed bluesky has brought nothing for 30 minutes.", {"feed": "bluesky"},
    ),
    Case("a feed that brings posts", "JikimiFeedSilent", "2h", {_EVENTS: "0+5x200"}),
    Case("a feed that never brought any", "JikimiFeedSilent", "2h", {_EVENTS: "0x200"}),
    Case(
        "a feed an hour behind", "JikimiFeedLags", "15m", {_LAG % "bluesky": "3600x30"},
        "Feed bluesky brings posts that are 1h 0m 0s old.", {"feed": "bluesky"},
    ),
    Case("a folder of old files", "JikimiFeedLags", "15m", {_LAG % "folder": "864000x30"}),
    Case("a feed that is up to date", "JikimiFeedLags", "15m", {_LAG % "bluesky": "2x30"}),
    Case(
        "one post in five late, for an hour", "JikimiVerdictsLate", "1h", _verdicts(100, 80, 60),
        "Too many posts wait more than 60 s for their verdict: 20% of them.",
    ),
    Case("one post in two hundred late", "JikimiVerdictsLate", "2h", _verdicts(200, 199, 120)),
    Case("five posts in all, all late", "JikimiVerdictsLate", "1h", {
        f"jikimi_end_to_end_seconds_count{{{_SEEN}}}": "0x50 1 2 3 4 5",
        f'jikimi_end_to_end_seconds_bucket{{{_SEEN},le="60.0"}}': "0x60",
    }),
    Case(
        "two posts in a hundred late, for three days", "JikimiVerdictsOftenLate", "3d", _verdicts(1000, 980, 432),
        "Too many posts wait more than 60 s for their verdict: 2% of them.", every="10m",
    ),
    Case(
        "one post in two hundred late, for three days", "JikimiVerdictsOftenLate", "3d",
        _verdicts(2000, 1990, 432), every="10m",
    ),
    Case(
        "a bug's first record", "JikimiBug", "10m", {_LETTERS % ("ValueError", "bug"): "_x8 1x10"},
        "A bug in stage decode (ValueError) cost records: they are dead letters.",
        {"stage": "decode", "reason": "ValueError"},
    ),
    Case(
        "a bug's next record", "JikimiBug", "2h", {_LETTERS % ("ValueError", "bug"): "1x115 2x20"},
        "A bug in stage decode (ValueError) cost records: they are dead letters.",
        {"stage": "decode", "reason": "ValueError"},
    ),
    Case("an old bug", "JikimiBug", "2h", {_LETTERS % ("ValueError", "bug"): "_x8 1x200"}),
    Case("a broken file", "JikimiBug", "10m", {_LETTERS % ("media_decode", "unprocessable"): "0+1x20"}),
    Case(
        "a tenth become dead letters", "JikimiManyDeadLetters", "30m",
        {_LETTERS % ("media_decode", "unprocessable"): "0+10x40", _DONE: "0+100x40"},
        "Stage decode gives up on 10% of its records.", {"stage": "decode"},
    ),
    Case(
        "a hundredth become dead letters", "JikimiManyDeadLetters", "30m",
        {_LETTERS % ("media_decode", "unprocessable"): "0+1x40", _DONE: "0+100x40"},
    ),
    Case(
        "one of two becomes a dead letter", "JikimiManyDeadLetters", "30m",
        {_LETTERS % ("media_decode", "unprocessable"): "0x20 1x20", _DONE: "0x20 2x20"},
    ),
    Case(
        "a worker that does not answer", "JikimiWorkerDown", "20m", {_UP: "0x30"},
        "jikimi at match-0 does not answer.", _WORKER,
    ),
    Case("a worker that is replaced", "JikimiWorkerDown", "20m", {_UP: "0x10 1x20"}),
    Case("another team's worker", "JikimiWorkerDown", "20m", {'up{job="billing",instance="a"}': "0x30"}),
    Case(
        "a worker that restarts repeatedly", "JikimiWorkerRestarts", "30m", {_BORN: "0x5 300x5 600x5 900x5 1200x10"},
        "jikimi at match-0 started 4 times within an hour.", _WORKER,
    ),
    Case("a worker that was upgraded", "JikimiWorkerRestarts", "30m", {_BORN: "0x10 600x30"}),
    Case(
        "a takedown of 21 hours", "JikimiTakedownDueSoon", "10m", {_TAKEDOWN: "75600x20"},
        "A takedown has been pending for 21h 0m 0s of its 24 hours.", {"clock": "24h"},
    ),
    Case(
        "a takedown of 45 hours", "JikimiTakedownDueSoon", "10m", {_TAKEDOWN: "162000x20"},
        "A takedown has been pending for 1d 21h 0m 0s of its 48 hours.", {"clock": "48h"},
    ),
    Case("a takedown of an hour", "JikimiTakedownDueSoon", "10m", {_TAKEDOWN: "3600x20"}),
    Case(
        "takedowns past the clock", "JikimiTakedownOverdue", "10m", {'jikimi_takedowns_overdue{clock="24h"}': "2x20"},
        "2 takedowns are past the law's 24h.", {"clock": "24h"},
    ),
    Case(
        "takedowns that wait for a person", "JikimiTakedownsHeld", "5m",
        {'jikimi_takedowns_pending{state="held"}': "7x10", 'jikimi_takedowns_pending{state="issued"}': "200x10"},
        "7 takedowns are held: a reference matches a flood of posts, and a person has to decide.",
    ),
    Case(
        "takedowns that wait for a platform", "JikimiTakedownsHeld", "5m",
        {'jikimi_takedowns_pending{state="held"}': "0x10", 'jikimi_takedowns_pending{state="issued"}': "200x10"},
    ),
    Case(
        "takedowns with an event that does not verify", "JikimiTakedownsFrozen", "5m",
        {"jikimi_takedowns_frozen": "2x10"},
        "2 takedowns are frozen: an event of theirs does not verify, and a person has to decide.",
    ),
    Case(
        "a case without its second person", "JikimiCaseUnconfirmed", "10m",
        {"jikimi_unconfirmed_case_age_seconds": "18000x10"},
        "A case has waited for its second person for 5h 0m 0s.",
    ),
    Case(
        "a case that was opened today", "JikimiCaseUnconfirmed", "10m",
        {"jikimi_unconfirmed_case_age_seconds": "9000x10"},
    ),
    Case("no such takedown", "JikimiTakedownsFrozen", "5m", {"jikimi_takedowns_frozen": "0x10"}),
    Case(
        "no takedown past the clock", "JikimiTakedownOverdue", "10m", {'jikimi_takedowns_overdue{clock="24h"}': "0x20"},
    ),
    Case(
        "a stuck rollout", "JikimiModelsMixed", "2h",
        {_MODEL % ("1", "visual-0"): "1x200", _MODEL % ("2", "visual-1"): "1x200"},
        "2 visual models have been live side by side for an hour.", {"modality": "visual"},
    ),
    Case(
        "a rollout", "JikimiModelsMixed", "2h",
        {_MODEL % ("1", "visual-0"): "1x30 0x200", _MODEL % ("2", "visual-1"): "_x20 1x200"},
    ),
    Case(
        "a shadow", "JikimiModelsMixed", "2h",
        {_MODEL % ("1", "visual-0"): "1x200", _MODEL % ("2", "shadow-0"): "1x200", _SHADOW % "same": "0+1x200"},
    ),
    Case(
        "a missing model", "JikimiModelBehind", "20m", {'jikimi_model_behind{modality="audio"}': "1x30"},
        "The chosen audio model cannot be loaded: another one serves.", {"modality": "audio"},
    ),
    Case("a model that loads", "JikimiModelBehind", "20m", {'jikimi_model_behind{modality="audio"}': "1x5 0x30"}),
    Case(
        "a shadow that differs", "JikimiShadowDiffers", "1d",
        {_SHADOW % "same": "0+90x144", _SHADOW % "gained": "0+10x144"},
        "The shadow's decisions differ from the live ones on 10% of posts.", every="10m",
    ),
    Case(
        "a shadow that agrees", "JikimiShadowDiffers", "1d",
        {_SHADOW % "same": "0+999x144", _SHADOW % "gained": "0+1x144", _SHADOW % "alone": "0+500x144"}, every="10m",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}, {case.what}")
def test_an_alert_fires_or_is_silent(case: Case, promtool: str, tmp_path: Path) -> None:
    written = tmp_path / "case.yaml"
    written.write_text(yaml.safe_dump(_promtool_test(case)))
    done = subprocess.run([promtool, "test", "rules", str(written)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def _promtool_test(case: Case) -> dict[str, Any]:
    rule = next(rule for rule in alerts.alerts() if rule["alert"] == case.alert)
    labels = {"severity": rule["labels"]["severity"], **case.labels}
    annotations = {"summary": case.summary, "runbook_url": rule["annotations"]["runbook_url"]}
    fired = [] if case.summary is None else [{"exp_labels": labels, "exp_annotations": annotations}]
    checked = {"alertname": case.alert, "eval_time": case.at, "exp_alerts": fired}
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {
        "rule_files": [str(path) for path, text in rules.files().items() if f"alert: {case.alert}\n" in text],
        "evaluation_interval": case.every,
        "tests": [{"interval": case.every, "input_series": series, "alert_rule_test": [checked]}],
    }
