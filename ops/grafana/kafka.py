"""Dashboard of the topics and the consumer lag."""

from ops.grafana.panel import Board, lines, number
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
                signals.MONITOR_SILENCE,
                limits=(alerts.MONITOR_SILENCE_S,),
            ),
            number(
                "Records waiting",
                "Records that some stage has not finished.",
                "short",
                f"sum({signals.WAITING_RECORDS})",
            ),
            lines(
                "Growth of topics",
                "Offsets per second; the end of each transaction takes one too, so a feed adds more than its posts.",
                "ops",
                {"{{topic}}": signals.TOPIC_GROWTH},
            ),
            lines(
                "Ends of topics",
                "Sum of a topic's end offsets, including records deleted by retention.",
                "short",
                {"{{topic}}": signals.TOPIC_RECORDS},
            ),
        ],
        "Groups": [
            lines(
                "Records waiting, by stage",
                "Lag of each stage's consumer group, in records.",
                "short",
                {"{{stage}}": signals.WAITING_RECORDS},
            ),
            lines(
                "Age of the oldest record, by stage",
                "Lag of each stage's consumer group, in time; stages are scaled on it.",
                "s",
                {"{{stage}}": signals.OLDEST_AGE},
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Commits held up",
                "Time for which the oldest record in flight has blocked its partition's commits.",
                "s",
                {"{{stage}}": signals.COMMIT_AGE},
            ),
        ],
        "Bytes": [
            lines("Read", "Bytes of finished records, per second.", "Bps", {"{{stage}}": signals.INPUT_BYTES}),
            lines(
                "Written",
                "Bytes written and acknowledged, per second.",
                "Bps",
                {"{{stage}} to {{topic}}": signals.OUTPUT_BYTES},
            ),
        ],
    },
)
