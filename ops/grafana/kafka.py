"""Dashboard of the topics and the consumer lag."""

from ops.grafana.panel import Board, Query, lines, number
from ops.prometheus import alerts, signals

BOARD = Board(
    "kafka",
    "Jikimi: Kafka",
    "Topics and consumer lag of Jikimi. For the brokers themselves use Kafka's own dashboards.",
    {
        "Topics": [
            number(
                "Broker last seen",
                "Time since the monitor last reached the broker; all freshness figures depend on it.",
                "s",
                Query(signals.MONITOR_SILENCE),
                limits=(alerts.MONITOR_SILENCE_S,),
            ),
            number(
                "Records waiting",
                "Records that some stage has not finished.",
                "short",
                Query(f"sum({signals.WAITING_RECORDS})"),
            ),
            lines(
                "Growth of topics",
                "Offsets per second; the end of each transaction takes one too, so a feed adds more than its posts.",
                "ops",
                Query(signals.TOPIC_GROWTH, "{{topic}}"),
            ),
            lines(
                "Ends of topics",
                "Sum of a topic's end offsets, including records deleted by retention.",
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
                "Lag of each stage's consumer group, in time; stages are scaled on it.",
                "s",
                Query(signals.OLDEST_AGE, "{{stage}}"),
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Commits held up",
                "Time for which the oldest record in flight has blocked its partition's commits.",
                "s",
                Query(signals.COMMIT_AGE, "{{stage}}"),
            ),
        ],
        "Bytes": [
            lines(
                "Read",
                "Bytes of finished records, per second.",
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
