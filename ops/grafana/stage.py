"""Dashboard of one stage in detail."""

from ops.grafana.panel import Board, Query, buckets, lines
from ops.prometheus import alerts, signals
from ops.prometheus.signals import heatmap, where

_STAGE = 'stage="$stage"'


def _of(signal: str) -> str:
    return where(signal, _STAGE)


BOARD = Board(
    "stage",
    "Jikimi: a stage",
    "One stage in detail: backlog, throughput, dead letters and resource use.",
    {
        "Backlog": [
            lines(
                "Age of the oldest record",
                "Waiting time of this stage's oldest record, measured at the broker.",
                "s",
                Query(_of(signals.OLDEST_AGE), "{{stage}}"),
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Records waiting",
                "Records that this stage has not finished.",
                "short",
                Query(_of(signals.WAITING_RECORDS), "{{stage}}"),
            ),
            buckets(
                "Waiting",
                "From a record being written to its topic to the start of its processing.",
                "s",
                Query(heatmap("jikimi_waiting_seconds", matchers=_STAGE)),
            ),
            lines(
                "Commits held up",
                "Time for which the oldest record in flight has blocked its partition's commits; a crash repeats it.",
                "s",
                Query(_of(signals.COMMIT_AGE), "{{stage}}"),
            ),
        ],
        "Throughput": [
            lines(
                "Records",
                "Finished records, per second.",
                "ops",
                Query(_of(signals.RECORDS), "{{stage}}"),
            ),
            buckets(
                "Work",
                "From the start of a record's processing to its durable outcome.",
                "s",
                Query(heatmap("jikimi_stage_seconds", matchers=_STAGE)),
            ),
            lines(
                "Bytes in",
                "Bytes of finished records, per second.",
                "Bps",
                Query(_of(signals.INPUT_BYTES), "{{stage}}"),
            ),
            lines(
                "Bytes out",
                "Bytes written and acknowledged, per second, by topic.",
                "Bps",
                Query(_of(signals.OUTPUT_BYTES), "{{topic}}"),
            ),
        ],
        "Failures": [
            lines(
                "Dead letters",
                "Dead letters per second. A `bug` is an error in Jikimi; a redrive puts its records back.",
                "ops",
                Query(_of(signals.DEAD_LETTERS), "{{reason}} ({{fate}})"),
                no_value="none",
            ),
            lines(
                "Retries",
                "Attempts after a transient failure, per second.",
                "ops",
                Query(_of(signals.RETRIES), "{{reason}}"),
                no_value="none",
            ),
        ],
        "Resources": [
            lines(
                "Records in flight",
                "In flight or waiting for an earlier one; at JIKIMI_WINDOW per process the stage stops reading.",
                "short",
                Query(_of(signals.WINDOW_DEPTH), "{{stage}}"),
            ),
            lines(
                "Processors",
                "Processor seconds used per second, by process.",
                "short",
                Query(_of(signals.CPU), "{{instance}}"),
            ),
            lines(
                "Memory",
                "Resident memory of each process, without its decoder processes.",
                "bytes",
                Query(_of(signals.MEMORY), "{{instance}}"),
            ),
        ],
    },
    stage="one",
)
