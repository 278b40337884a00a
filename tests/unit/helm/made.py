"""Helpers for objects of a rendered chart."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from ops.chart.render import Object, render, values_of

CONTROLLERS = ("Deployment", "StatefulSet", "Job")


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return values overridden by changes, map by map."""
    inner = {key for key, new in changes.items() if isinstance(new, dict) and isinstance(values.get(key), dict)}
    return values | changes | {key: merged(values[key], changes[key]) for key in inner}


@cache
def rendered(case: str) -> list[Object]:
    """Return the objects of a values file; shared, not to be changed."""
    return render(values_of(case))


def of_kind(objects: list[Object], *kinds: str) -> dict[str, Object]:
    """Return the objects of these kinds by name."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] in kinds}


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return every pod template's spec by the name of its controller."""
    return {name: found["spec"]["template"]["spec"] for name, found in of_kind(objects, *CONTROLLERS).items()}


def pod_labels(objects: list[Object]) -> list[dict[str, str]]:
    """Return the labels of every pod template."""
    return [found["spec"]["template"]["metadata"]["labels"] for found in of_kind(objects, *CONTROLLERS).values()]


def containers(pod: Object) -> Iterator[Object]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def environment(pod: Object) -> dict[str, Any]:
    """Return the environment of a pod's main container: values, or their sources."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in pod["containers"][0].get("env", [])}
