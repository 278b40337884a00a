"""Recording rules and alerts, and every threshold in them.

Latency burns an error budget: 99 % of posts have their verdict within 60 s of being received, over 28 days. Windows and
factors are those of the Google SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts".
"""

from dataclasses import dataclass
from typing import Any, Literal

from ops.prometheus import signals
from ops.prometheus.signals import over

RUNBOOKS = "ops/runbooks"

BUDGET = 0.01
"""Share of posts that may have their verdict later than 60 s."""
STAGE_AGE_S = 60
MONITOR_SILENCE_S = 120
FEED_LAG_S = 600
LATE_POSTS = 10
"""Fewer late posts than this raise no alert: a feed of ten posts a day burns its budget with one."""
DEAD_LETTER_RATIO = 0.05
DEAD_LETTERS = 10
RESTARTS = 3
SHADOW_DIFFERENCE = 0.01
CLOCKS_H = {"24h": 24, "48h": 48}
"""Legal clocks by the label in the monitor's metrics: Korea, United States."""
WARNING_H = 4
"""Time before a clock runs out at which the warning fires, hours."""
UNCONFIRMED_H = 4
"""Time for which a case may wait for its second person, hours: a sixth of the shortest clock."""

Severity = Literal["critical", "warning", "info"]
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows, and the multiple of the allowed burn rate in both."""

    long: str
    short: str
    factor: float


PAGE = (Burn("1h", "5m", 14.4), Burn("6h", "30m", 6))
TICKET = (Burn("1d", "2h", 3), Burn("3d", "6h", 1))


def alert(name: str, expr: str, *, severity: Severity, summary: str, wait: str | None = None, **labels: str) -> Rule:
    """Return an alerting rule; its runbook is the page of its name."""
    return {
        "alert": name,
        "expr": expr,
        **({"for": wait} if wait else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": summary, "runbook_url": f"{RUNBOOKS}/{name}.md"},
    }


def freshness() -> list[Rule]:
    """Return the alerts on waiting records."""
    return [
        alert(
            "JikimiStageBehind",
            f"{signals.OLDEST_AGE} > {STAGE_AGE_S}",
            wait="2m",
            severity="critical",
            summary="Stage {{ $labels.stage }} has left a record waiting for {{ $value | humanizeDuration }}.",
        ),
        alert(
            "JikimiMonitorSilent",
            f"{signals.MONITOR_SILENCE} > {MONITOR_SILENCE_S} or absent(jikimi_monitor_looked_timestamp_seconds)",
            wait="2m",
            severity="critical",
            summary="The monitor has not reached the broker: a stage that is behind would go unnoticed.",
        ),
        alert(
            "JikimiVictimWaits",
            f"{signals.LATE_SEARCH_WAITING} > 0",
            wait="15m",
            severity="critical",
            summary="{{ $value }} pieces of a new victim's references are not searched in the old posts yet.",
        ),
    ]


def feeds() -> list[Rule]:
    """Return the alerts on feeds."""
    events = "sum by (namespace, feed) (increase(jikimi_feed_events_total[5m]))"
    return [
        alert(
            "JikimiFeedDisconnected",
            f"{signals.FEED_CONNECTED} == 0",
            wait="5m",
            severity="critical",
            summary="Feed {{ $labels.feed }} is not connected: its posts are not processed.",
        ),
        alert(
            "JikimiFeedSilent",
            f"{over(events, '30m')} == 0 and {over(events, '1d')} > 0",
            severity="warning",
            summary="Feed {{ $labels.feed }} has brought nothing for 30 minutes.",
        ),
        alert(
            "JikimiFeedLags",
            # files in a folder may have any age
            f"{signals.where(signals.FEED_LAG, 'feed!~"folder|jsonl"')} > {FEED_LAG_S}",
            wait="10m",
            severity="warning",
            summary="Feed {{ $labels.feed }} brings posts that are {{ $value | humanizeDuration }} old.",
        ),
    ]


def latency() -> list[Rule]:
    """Return the recorded ratios of late posts, and the alerts on their burn rates."""
    burns = PAGE + TICKET
    windows = dict.fromkeys([burn.short for burn in burns] + [burn.long for burn in burns])
    longs = dict.fromkeys(burn.long for burn in burns)
    summary = "Too many posts wait more than 60 s for their verdict: {{ $value | humanizePercentage }} of them."
    return [
        *({"record": _ratio(window), "expr": over(signals.LATE_RATIO, window)} for window in windows),
        *({"record": _posts(window), "expr": over(signals.LATE_POSTS, window)} for window in longs),
        alert("JikimiVerdictsLate", _burning(PAGE), severity="critical", summary=summary),
        alert("JikimiVerdictsOftenLate", _burning(TICKET), wait="15m", severity="warning", summary=summary),
    ]


def _ratio(window: str) -> str:
    return f"jikimi:verdicts_late:ratio_rate{window}"


def _posts(window: str) -> str:
    return f"jikimi:verdicts_late:increase{window}"


def _burning(burns: tuple[Burn, ...]) -> str:
    return " or ".join(f"({_burns(burn, burn.factor * BUDGET)})" for burn in burns)


def _burns(burn: Burn, limit: float) -> str:
    ratios = " and ".join(f"{_ratio(window)} > {limit:.3g}" for window in (burn.long, burn.short))
    return f"{ratios} and {_posts(burn.long)} >= {LATE_POSTS}"


def dead_letters() -> list[Rule]:
    """Return the alerts on dead letters."""
    many = f"sum by (namespace, stage) (increase(jikimi_dead_letters_total[5m])) >= {DEAD_LETTERS}"
    return [
        alert(
            "JikimiBug",
            over(signals.BUGS, "15m").replace("offset 5m", "offset 15m"),
            severity="critical",
            summary="A bug in stage {{ $labels.stage }} ({{ $labels.reason }}) cost records: they are dead letters.",
        ),
        alert(
            "JikimiManyDeadLetters",
            f"{over(signals.DEAD_LETTER_RATIO, '10m')} > {DEAD_LETTER_RATIO} and {over(many, '10m')}",
            wait="5m",
            severity="warning",
            summary="Stage {{ $labels.stage }} gives up on {{ $value | humanizePercentage }} of its records.",
        ),
    ]


def workers() -> list[Rule]:
    """Return the alerts on processes; the freshness alerts report the effect on victims sooner."""
    return [
        alert(
            "JikimiWorkerDown",
            signals.WORKERS_DOWN,
            wait="15m",
            severity="warning",
            summary="{{ $labels.job }} at {{ $labels.instance }} does not answer.",
        ),
        alert(
            "JikimiWorkerRestarts",
            f"{over(signals.RESTARTS, '1h')} > {RESTARTS}",
            severity="warning",
            summary="{{ $labels.job }} at {{ $labels.instance }} started {{ $value }} times within an hour.",
        ),
    ]


def takedowns() -> list[Rule]:
    """Return the alerts on legal clocks, and on takedowns that wait for a person."""
    soon = [
        alert(
            "JikimiTakedownDueSoon",
            f"{signals.OLDEST_TAKEDOWN} > {3600 * (hours - WARNING_H)} < {3600 * hours}",
            severity="warning",
            summary=f"A takedown has been pending for {{{{ $value | humanizeDuration }}}} of its {hours} hours.",
            clock=clock,
        )
        for clock, hours in CLOCKS_H.items()
    ]
    overdue = alert(
        "JikimiTakedownOverdue",
        f"{signals.TAKEDOWNS_OVERDUE} > 0",
        severity="critical",
        summary="{{ $value }} takedowns are past the law's {{ $labels.clock }}.",
    )
    held = alert(
        "JikimiTakedownsHeld",
        f"{signals.TAKEDOWNS_HELD} > 0",
        severity="critical",
        summary="{{ $value }} takedowns are held: a reference matches a flood of posts, and a person has to decide.",
    )
    frozen = alert(
        "JikimiTakedownsFrozen",
        f"{signals.TAKEDOWNS_FROZEN} > 0",
        severity="critical",
        summary="{{ $value }} takedowns are frozen: an event of theirs does not verify, and a person has to decide.",
    )
    unconfirmed = alert(
        "JikimiCaseUnconfirmed",
        f"{signals.UNCONFIRMED_CASE_AGE} > {3600 * UNCONFIRMED_H}",
        severity="warning",
        summary="A case has waited for its second person for {{ $value | humanizeDuration }}.",
    )
    return [*soon, overdue, held, frozen, unconfirmed]


def models() -> list[Rule]:
    """Return the alerts on models."""
    return [
        alert(
            "JikimiModelsMixed",
            f"{signals.LIVE_VERSIONS} > 1",
            wait="1h",
            severity="warning",
            summary="{{ $value }} {{ $labels.modality }} models have been live side by side for an hour.",
        ),
        alert(
            "JikimiModelBehind",
            f"{signals.MODEL_BEHIND} > 0",
            wait="10m",
            severity="warning",
            summary="The chosen {{ $labels.modality }} model cannot be loaded: another one serves.",
        ),
        alert(
            "JikimiShadowDiffers",
            f"{over(signals.SHADOW_DIFFERENCE, '1d')} > {SHADOW_DIFFERENCE}",
            wait="1h",
            severity="info",
            summary="The shadow's decisions differ from the live ones on {{ $value | humanizePercentage }} of posts.",
        ),
    ]


GROUPS = {
    made.__name__.replace("_", "-"): made
    for made in (freshness, feeds, latency, dead_letters, workers, takedowns, models)
}
"""A file each."""


def groups() -> dict[str, list[Rule]]:
    """Return the rules of each group."""
    return {name: made() for name, made in GROUPS.items()}


def alerts() -> list[Rule]:
    """Return every alerting rule."""
    return [rule for rules in groups().values() for rule in rules if "alert" in rule]
