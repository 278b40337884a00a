"""Table of metrics in the documentation, generated from their declarations: `python -m ops.metrics_table`."""

from pathlib import Path

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from ops.markdown import write_table
from streams.telemetry import metrics

DOCUMENT = Path(__file__).parent / "docs" / "observability.md"
_HEAD = "| metric | labels | meaning |\n|---|---|---|\n"


def table() -> str:
    """Return the table in Markdown, one row per metric in the order of their declaration."""
    declared = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    return _HEAD + "".join(map(_row, declared))


def _row(metric: MetricWrapperBase) -> str:
    (family,) = metric.describe()
    name = family.name + ("_total" if isinstance(metric, Counter) else "")
    labels = ", ".join(metric._labelnames)  # noqa: SLF001 - there is no public name
    return f"| `{name}` ({family.type}) | {labels} | {family.documentation} |\n"


if __name__ == "__main__":
    write_table(DOCUMENT, "metric", table())
