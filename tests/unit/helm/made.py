"""The chart rendered, by Helm itself."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import helm_python
import yaml

from ops.chart.written import CHART

type Object = dict[str, Any]

CASES = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml"))
"""Each a values file in ci/."""
NAMESPACE = "victims"
CONTROLLERS = ("Deployment", "StatefulSet", "Job")


def values_of(case: str) -> dict[str, Any]:
    return helm_python.values_from_yaml((CHART / "ci" / f"{case}-values.yaml").read_text("utf-8"))


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return values with changes laid over them, map by map."""
    over = {
        key: merged(values[key], new) if isinstance(new, dict) and isinstance(values.get(key), dict) else new
        for key, new in changes.items()
    }
    return values | over


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@cache
def rendered(case: str) -> list[Object]:
    """Return the objects of a values file; shared, not to be changed."""
    return render(values_of(case))


def render(values: dict[str, Any]) -> list[Object]:
    """Return the objects of an installation; notes are left out."""
    chart().validate_schema(values)
    files = chart().render(values, name="guard", namespace=NAMESPACE)
    texts = (text for name, text in files.items() if not name.endswith(".txt"))
    return [found for text in texts for found in yaml.safe_load_all(text) if found is not None]


def of_kind(objects: list[Object], *kinds: str) -> dict[str, Object]:
    """Return the objects of these kinds by name."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] in kinds}


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return every pod template's spec by the name of what runs it."""
    return {name: found["spec"]["template"]["spec"] for name, found in of_kind(objects, *CONTROLLERS).items()}


def containers(pod: Object) -> Iterator[Object]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def environment(pod: Object) -> dict[str, Any]:
    """Return the environment of a pod's own container: values, or where they come from."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in pod["containers"][0].get("env", [])}
