"""Every metric is declared once, observed somewhere, bounded in its labels, and in the documentation's table."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from ops.markdown import table_of
from ops.metrics_table import DOCUMENT, table
from streams.telemetry import metrics

_STREAMS = Path(metrics.__file__).parents[1]
DECLARED = {name: value for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)}

LABELS = {
    "platform",  # of the platforms' file
    "stage", "topic", "modality", "model", "version", "provider", "reason", "fate", "decision", "state", "since",
    "until", "feed", "kind", "clock", "code", "outcome", "layer",
}  # fmt: skip
"""Labels with few values each, all from the code, the manifest or the configuration of feeds. No ids: an id would be a
permanent series, and identities of victims would be in a monitoring system that many people can read."""


def attributes(path: Path) -> set[str]:
    """Return the names of metrics that a module uses, only within functions if it is the one that declares them."""
    tree = ast.parse(path.read_text())
    if path.name != "metrics.py":
        return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.id for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", DECLARED)
def test_every_metric_is_observed_somewhere(name: str) -> None:
    assert any(name in attributes(path) for path in _STREAMS.rglob("*.py")), f"nothing in streams/ observes {name}"


@pytest.mark.parametrize("metric", DECLARED.values(), ids=list(DECLARED))
def test_names_labels_and_units_follow_the_conventions(metric: MetricWrapperBase) -> None:
    (family,) = metric.describe()
    assert family.name.startswith("jikimi_")
    assert family.documentation.endswith((".", ")"))
    assert set(metric._labelnames) <= LABELS
    if isinstance(metric, Histogram):
        ratios = {"jikimi_score", "jikimi_probability"}
        assert family.name.endswith(("_seconds", "_bytes", "_rows")) or family.name in ratios, "no unit in the name"
    if isinstance(metric, Gauge):
        # Without it each process of a container would be a separate series, by its number.
        assert metric._multiprocess_mode.startswith("live")


def test_a_metric_is_declared_in_one_place() -> None:
    makers = {Counter.__name__, Gauge.__name__, Histogram.__name__}
    for path in _STREAMS.rglob("*.py"):
        if path.name != "metrics.py":
            names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            imported = "prometheus_client" in path.read_text()
            assert not (imported and names & makers), path


def reasons() -> Iterator[tuple[Path, ast.expr]]:
    """Yield the reason expression of every error that makes a dead letter."""
    for path in _STREAMS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="UnprocessableError" | "TransientError"), args=[reason, *_]):
                    yield path, reason
                case _:
                    pass


def is_bounded(reason: ast.expr) -> bool:
    match reason:
        case ast.Constant(value=str(slug)):
            return slug.replace("_", "").isalnum()
        case ast.Attribute(attr="reason"):
            return True  # copied from another error
        case ast.Name(id=name):
            return name.isupper()  # a constant
        case ast.IfExp(test=ast.Compare(ops=[ast.In()]), orelse=otherwise):
            return is_bounded(otherwise)
        case _:
            return False


def test_the_reasons_of_dead_letters_are_a_bounded_set_of_slugs() -> None:
    found = list(reasons())
    assert len(found) > 10
    for path, reason in found:
        assert is_bounded(reason), f"{path.name}:{reason.lineno}: {ast.unparse(reason)}"


def test_the_table_in_the_documentation_equals_the_declarations() -> None:
    assert table_of(DOCUMENT, "metric") == table(), "run `python -m ops.metrics_table`"
