"""Dashboard of the overview: whether any victim is waiting."""

from ops.grafana.panel import Board, lines, number
from ops.prometheus import alerts, signals

BOARD = Board(
    "overview",
    "Jikimi: overview",
    "Is any victim waiting? If all panels are green, nobody is.",
    {
        "Is any victim waiting?": [
            number(
                "Oldest record waiting",
                "Age of the oldest record that any stage has not finished, measured at the broker.",
                "s",
                f"max({signals.OLDEST_AGE})",
                limits=(alerts.STAGE_AGE_S / 2, alerts.STAGE_AGE_S),
            ),
            number(
                "Verdicts later than 60 s",
                "Share of posts, in the time range shown, with a verdict later than 60 s after a feed received them.",
                "percentunit",
                signals.over(signals.LATE_RATIO, "$__range"),
                limits=(alerts.BUDGET, 6 * alerts.BUDGET),
            ),
            number(
                "Takedowns overdue",
                "Pending takedowns past any law's clock.",
                "short",
                f"max({signals.TAKEDOWNS_OVERDUE})",
                limits=(1,),
            ),
            number(
                "Not yet searched in old posts",
                "Pieces of new references for which the archive has not been searched yet: a new victim waits.",
                "short",
                signals.LATE_SEARCH_WAITING,
                limits=(1, 100),
            ),
        ],
        "What is at work": [
            number("Open cases", "Cases that posts are compared with.", "short", signals.OPEN_CASES),
            number(
                "Feeds not connected",
                "Feeds that should be connected and are not: their posts are not processed.",
                "short",
                f"count({signals.FEED_CONNECTED}) - sum({signals.FEED_CONNECTED})",
                limits=(1,),
            ),
            number(
                "Alerts firing",
                "Firing alerts of Jikimi's own rules; each has a runbook.",
                "short",
                signals.ALERTS_FIRING,
                limits=(1,),
            ),
            number(
                "Workers that do not answer",
                "Processes that Prometheus cannot scrape.",
                "short",
                signals.N_WORKERS_DOWN,
                limits=(1,),
            ),
        ],
        "Flow": [
            lines(
                "Age of the oldest record, by stage",
                "Waiting time of the oldest record of each stage. A rising line is a stalled stage.",
                "s",
                {"{{stage}}": signals.OLDEST_AGE},
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Posts",
                "Posts per second, by feed.",
                "ops",
                {"{{feed}}": signals.where(signals.FEED_EVENTS, 'kind="post"')},
            ),
            lines(
                "Verdicts",
                "Verdicts per second, by decision: act issues a takedown, review needs a person.",
                "ops",
                {"{{decision}}": signals.VERDICTS},
            ),
            lines(
                "From seen to verdict",
                "Half of the posts, and 99 of 100, had their verdict within this time after a feed received them.",
                "s",
                {f"{q:.0%}": signals.quantile(q, **signals.SEEN_TO_VERDICT) for q in (0.5, 0.99)},
                limits=(60,),
            ),
            lines(
                "Takedowns",
                "Takedown events in each interval, by state.",
                "short",
                {"{{state}}": signals.TAKEDOWN_EVENTS},
            ),
            lines(
                "Dead letters",
                "Dead letters per second. `bug` is an error in Jikimi; most others are broken or withdrawn media.",
                "ops",
                {"{{stage}} {{reason}} ({{fate}})": signals.DEAD_LETTERS},
                no_value="none",
            ),
        ],
    },
)
