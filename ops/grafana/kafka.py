"""What the topics hold, and who is behind."""

from ops.grafana.panel import Board, Query, lines, number
from ops.prometheus import alerts, signals

BOARD = Board(
    "kafka",
    "Jikimi: Kafka",
    "The topics as Jikimi sees them. The brokers themselves are for Kafka's own dashboards.",
    {
        "Topics": [
            number(
                "Broker last seen",
                "Time since the monitor saw the broker; everything about freshness rests on it.",
                "s",
                Query(signals.MONITOR_SILENCE),
                limits=(alerts.MONITOR_SILENCE_S,),
            ),
            number(
                "Records waiting",
                "Records that some stage has not brought to an end.",
                "short",
                Query(f"sum({signals.WAITING_RECORDS})"),
            ),
            lines(
                "Growth of topics",
                "Offsets per second; the end of each transaction takes one too, so a feed shows more than its posts.",
                "ops",
                Query(signals.TOPIC_GROWTH, "{{topic}}"),
            ),
            lines(
                "Ends of topics",
                "Sum of a topic's end offsets: also of what retention has deleted.",
                "short",
                Query(signals.TOPIC_RECORDS, "{{topic}}"),
            ),
        ],
        "Groups": [
            lines(
                "Records waiting, by stage",
                "Lag of each stage's consumer group, in records.",
                "short",
                Query(signals.WAITING_RECORDS, "{{stage}}"),
            ),
            lines(
                "Age of the oldest record, by stage",
                "Lag of each stage's consumer group, in time: what a stage is scaled on.",
                "s",
                Query(signals.OLDEST_AGE, "{{stage}}"),
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Commits held up",
                "How long the oldest record in flight has held up its partition's commits.",
                "s",
                Query(signals.COMMIT_AGE, "{{stage}}"),
            ),
        ],
        "Bytes": [
            lines(
                "Read",
                "Bytes of records brought to an end, per second.",
                "Bps",
                Query(signals.INPUT_BYTES, "{{stage}}"),
            ),
            lines(
                "Written",
                "Bytes written and acknowledged, per second.",
                "Bps",
                Query(signals.OUTPUT_BYTES, "{{stage}} to {{topic}}"),
            ),
        ],
    },
)
