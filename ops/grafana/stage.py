"""Dashboard of one stage in detail."""

from ops.grafana.panel import Board, buckets, lines
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
                {"{{stage}}": _of(signals.OLDEST_AGE)},
                limits=(alerts.STAGE_AGE_S,),
            ),
            lines(
                "Records waiting",
                "Records that this stage has not finished.",
                "short",
                {"{{stage}}": _of(signals.WAITING_RECORDS)},
            ),
            buckets(
                "Waiting",
                "From a record being written to its topic to the start of its processing.",
                "s",
                heatmap("jikimi_waiting_seconds", matchers=_STAGE),
            ),
            lines(
                "Commits held up",
                "Time for which the oldest record in flight has blocked its partition's commits; a crash repeats it.",
                "s",
                {"{{stage}}": _of(signals.COMMIT_AGE)},
            ),
        ],
        "Throughput": [
            lines("Records", "Finished records, per second.", "ops", {"{{stage}}": _of(signals.RECORDS)}),
            buckets(
                "Work",
                "From the start of a record's processing to its durable outcome.",
                "s",
                heatmap("jikimi_stage_seconds", matchers=_STAGE),
            ),
            lines("Bytes in", "Bytes of finished records, per second.", "Bps", {"{{stage}}": _of(signals.INPUT_BYTES)}),
            lines(
                "Bytes out",
                "Bytes written and acknowledged, per second, by topic.",
                "Bps",
                {"{{topic}}": _of(signals.OUTPUT_BYTES)},
            ),
        ],
        "Failures": [
            lines(
                "Dead letters",
                "Dead letters per second. A `bug` is an error in Jikimi; a redrive puts its records back.",
                "ops",
                {"{{reason}} ({{fate}})": _of(signals.DEAD_LETTERS)},
                no_value="none",
            ),
            lines(
                "Retries",
                "Attempts after a transient failure, per second.",
                "ops",
                {"{{reason}}": _of(signals.RETRIES)},
                no_value="none",
            ),
        ],
        "Resources": [
            lines(
                "Records in flight",
                "In flight or finished behind an unfinished one; JIKIMI_WINDOW of a process are worked on at once.",
                "short",
                {"{{stage}}": _of(signals.WINDOW_DEPTH)},
            ),
            lines(
                "Processors",
                "Processor seconds used per second, by process.",
                "short",
                {"{{instance}}": _of(signals.CPU)},
            ),
            lines(
                "Memory",
                "Resident memory of each process, without its decoder processes.",
                "bytes",
                {"{{instance}}": _of(signals.MEMORY)},
            ),
        ],
    },
    stage="one",
)
