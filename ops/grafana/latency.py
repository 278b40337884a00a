"""Where the time goes."""

from ops.grafana.panel import Board, Query, buckets, lines
from ops.prometheus import alerts, signals

_WAYS = {
    ("seen", "verdict"): "From a feed seeing a post to its verdict: all of it is ours.",
    ("published", "verdict"): "From a post's own time of publication to its verdict: the feed's lag is in it.",
    ("seen", "takedown"): "From a feed seeing a post to the takedown it brought.",
    ("published", "takedown"): "How long a victim's video stood there before its takedown was issued.",
}


def _end_to_end(since: str, until: str) -> str:
    return signals.heatmap("jikimi_end_to_end_seconds", matchers=f'since="{since}",until="{until}"')


BOARD = Board(
    "latency",
    "Jikimi: latency",
    "Where the time goes, from a post's publication to its takedown.",
    {
        "End to end": [
            buckets(f"{since.capitalize()} to {until}", told, "s", Query(_end_to_end(since, until)))
            for (since, until), told in _WAYS.items()
        ],
        "The budget": [
            lines(
                "Late verdicts",
                "Share of posts with a verdict later than 60 s, over several windows; the objective allows 1 %.",
                "percentunit",
                *(Query(f"jikimi:verdicts_late:ratio_rate{window}", window) for window in ("5m", "1h", "6h", "3d")),
                limits=(alerts.BUDGET,),
            ),
            lines(
                "Slowest of a hundred, by stage",
                "99 of 100 records were brought to their end within this time of being taken up.",
                "s",
                Query(signals.quantile(0.99, "jikimi_stage_seconds", "stage"), "{{stage}}"),
            ),
            lines(
                "Median, by stage",
                "Half of the records were brought to their end within this time of being taken up.",
                "s",
                Query(signals.quantile(0.5, "jikimi_stage_seconds", "stage"), "{{stage}}"),
            ),
            lines(
                "Median wait, by stage",
                "Half of the records were taken up within this time of being written to their topic.",
                "s",
                Query(signals.quantile(0.5, "jikimi_waiting_seconds", "stage"), "{{stage}}"),
            ),
        ],
        "Work, stage by stage": [
            buckets(
                "$stage: work",
                "From taking a record up to its outcome being durable.",
                "s",
                Query(signals.heatmap("jikimi_stage_seconds", matchers='stage="$stage"')),
                width=8,
                repeat="stage",
            )
        ],
        "Waiting, stage by stage": [
            buckets(
                "$stage: waiting",
                "From a record being written to its topic to the stage taking it up.",
                "s",
                Query(signals.heatmap("jikimi_waiting_seconds", matchers='stage="$stage"')),
                width=8,
                repeat="stage",
            )
        ],
    },
    stage="all",
)
