"""Dashboard of the latency."""

from ops.grafana.panel import Board, buckets, lines
from ops.prometheus import alerts, signals

_DESCRIPTIONS = {
    ("seen", "verdict"): "From a feed receiving a post to its verdict: Jikimi's own latency.",
    ("published", "verdict"): "From a post's time of publication to its verdict, including the feed's lag.",
    ("seen", "takedown"): "From a feed receiving a post to its takedown.",
    ("published", "takedown"): "Time for which a victim's video was online before its takedown was issued.",
}


def _end_to_end(since: str, until: str) -> str:
    return signals.heatmap("jikimi_end_to_end_seconds", matchers=f'since="{since}",until="{until}"')


BOARD = Board(
    "latency",
    "Jikimi: latency",
    "Latency from a post's publication to its takedown.",
    {
        "End to end": [
            buckets(f"{since.capitalize()} to {until}", description, "s", _end_to_end(since, until))
            for (since, until), description in _DESCRIPTIONS.items()
        ],
        "The budget": [
            lines(
                "Late verdicts",
                "Share of posts with a verdict later than 60 s, over several windows; the objective allows 1 %.",
                "percentunit",
                {window: f"jikimi:verdicts_late:ratio_rate{window}" for window in ("5m", "1h", "6h", "3d")},
                limits=(alerts.BUDGET,),
            ),
            lines(
                "Slowest of a hundred, by stage",
                "99 of 100 records were finished within this time after their processing started.",
                "s",
                {"{{stage}}": signals.quantile(0.99, "jikimi_stage_seconds", "stage")},
            ),
            lines(
                "Median, by stage",
                "Half of the records were finished within this time after their processing started.",
                "s",
                {"{{stage}}": signals.quantile(0.5, "jikimi_stage_seconds", "stage")},
            ),
            lines(
                "Median wait, by stage",
                "Half of the records waited no longer than this from their topic to the start of their processing.",
                "s",
                {"{{stage}}": signals.quantile(0.5, "jikimi_waiting_seconds", "stage")},
            ),
        ],
        "Work, stage by stage": [
            buckets(
                "$stage: work",
                "From the start of a record's processing to its durable outcome.",
                "s",
                signals.heatmap("jikimi_stage_seconds", matchers='stage="$stage"'),
                width=8,
                repeat="stage",
            )
        ],
        "Waiting, stage by stage": [
            buckets(
                "$stage: waiting",
                "From a record being written to its topic to the start of its processing.",
                "s",
                signals.heatmap("jikimi_waiting_seconds", matchers='stage="$stage"'),
                width=8,
                repeat="stage",
            )
        ],
    },
    stage="all",
)
