"""One stage in depth."""

from ops.grafana.panel import Board, Query, buckets, lines
from ops.prometheus import alerts, signals
from ops.prometheus.signals import heatmap, where

_STAGE = 'stage="$stage"'


def _of(signal: str) -> str:
    return where(signal, _STAGE)


BOARD = Board(
    "stage",
    "Jikimi: a stage",
    "One stage in depth: what waits for it, what it does, what it gives up on, what it costs.",
    {
        "What waits": [
            lines(
                "Age of the oldest record",
                "How long the oldest record has waited for this stage, seen from the broker.",
                "s",
                Query(_of(signals.OLDEST_AGE), "{{stage}}"),
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Records waiting",
                "Records that this stage has not brought to an end.",
                "short",
                Query(_of(signals.WAITING_RECORDS), "{{stage}}"),
            ),
            buckets(
                "Waiting",
                "From a record being written to its topic to this stage taking it up.",
                "s",
                Query(heatmap("jikimi_waiting_seconds", matchers=_STAGE)),
            ),
            lines(
                "Commits held up",
                "How long the oldest record in flight has held up its partition's commits: what a crash would repeat.",
                "s",
                Query(_of(signals.COMMIT_AGE), "{{stage}}"),
            ),
        ],
        "What it does": [
            lines(
                "Records",
                "Records brought to an end, per second.",
                "ops",
                Query(_of(signals.RECORDS), "{{stage}}"),
            ),
            buckets(
                "Work",
                "From taking a record up to its outcome being durable.",
                "s",
                Query(heatmap("jikimi_stage_seconds", matchers=_STAGE)),
            ),
            lines(
                "Bytes in",
                "Bytes of the records brought to an end, per second.",
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
        "What it gives up on": [
            lines(
                "Dead letters",
                "Records given up on, per second. A `bug` is ours to mend; a redrive brings its records back.",
                "ops",
                Query(_of(signals.DEAD_LETTERS), "{{reason}} ({{fate}})"),
                no_value="none",
            ),
            lines(
                "Retries",
                "Attempts after a failure that may pass, per second.",
                "ops",
                Query(_of(signals.RETRIES), "{{reason}}"),
                no_value="none",
            ),
        ],
        "What it costs": [
            lines(
                "Records in flight",
                "In flight or waiting for an earlier one; at JIKIMI_WINDOW per process the stage reads no more.",
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
                "Resident memory of each process, without its decoding children.",
                "bytes",
                Query(_of(signals.MEMORY), "{{instance}}"),
            ),
        ],
    },
    stage="one",
)
