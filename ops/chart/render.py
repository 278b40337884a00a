"""The chart, rendered by Helm itself."""

from functools import cache
from typing import Any

import helm_python
import yaml

from ops.chart.written import CHART

type Object = dict[str, Any]

CASES = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml"))
"""Names of the values files in ci/."""
NAMESPACE = "victims"


def values_of(case: str) -> dict[str, Any]:
    """Return the values of a file in ci/."""
    return helm_python.values_from_yaml((CHART / "ci" / f"{case}-values.yaml").read_text("utf-8"))


@cache
def chart() -> helm_python.Chart:
    """Return the chart, loaded once."""
    return helm_python.Chart.load(CHART)


def render(values: dict[str, Any]) -> list[Object]:
    """Return the objects of an installation, without notes. Raise if the schema refuses the values."""
    chart().validate_schema(values)
    files = chart().render(values, name="guard", namespace=NAMESPACE)
    texts = (text for name, text in files.items() if not name.endswith(".txt"))
    return [found for text in texts for found in yaml.safe_load_all(text) if found is not None]
