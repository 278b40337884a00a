"""The rule files: written for the chart by `make dashboards`, and sped up for a proof."""

import re
from pathlib import Path

import yaml

from ops.prometheus.alerts import Rule, groups

FOLDER = Path(__file__).parents[2] / "helm" / "jikimi" / "rules"


def files() -> dict[Path, str]:
    """Return the text of every rule file."""
    return {FOLDER / f"{name}.yaml": text(name, rules) for name, rules in groups().items()}


def text(name: str, rules: list[Rule]) -> str:
    """Return a group as Prometheus reads it."""
    head = "# Made by `make dashboards` from ops/prometheus/alerts.py: change that.\n"
    group = {"groups": [{"name": f"jikimi-{name}", "rules": rules}]}
    return head + yaml.safe_dump(group, sort_keys=False, allow_unicode=True, width=10_000)


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])|(?<=offset )(\d+)([smhd])")


def faster(rule: Rule, factor: int) -> Rule:
    """Return the rule with every window, offset and `for` divided by the factor; thresholds stay as they are."""
    changed = rule | {"expr": _DURATION.sub(lambda found: _divided(found[0], factor), rule["expr"])}
    return changed | ({"for": _divided(rule["for"], factor)} if "for" in rule else {})


def _divided(duration: str, factor: int) -> str:
    return f"{max(1, int(duration[:-1]) * _UNITS_S[duration[-1]] // factor)}s"
