"""Text of the chart's files that are generated from the code."""

import json
from pathlib import Path
from typing import Any

import yaml

from ops.chart.rights import rights
from ops.chart.settings import settings_schemas
from schemas.topics import TOPICS
from streams.kafka.topic_settings import co_partitioned_topic, settings_of
from streams.topology import OPTIONAL, STAGES, source

CHART = Path(__file__).parents[2] / "helm" / "jikimi"

_HEAD = "# Written by `make chart` from {source}.\n"


def written() -> dict[str, str]:
    """Return the content of the files by their name in the chart."""
    return {
        "files/topics.yaml": _HEAD.format(source="schemas/topics.yaml") + _yaml(topics()),
        "files/users.yaml": _HEAD.format(source="schemas/topics.yaml and ops/chart/rights.py") + _yaml(rights()),
        "values.schema.json": _schema(),
    }


def topics() -> dict[str, Any]:
    """Return all topics in Strimzi's form, and the source topic of each stage."""
    return {
        "topics": {name: {"partitions": t.partitions, "config": settings_of(t)} for name, t in TOPICS.items()},
        "memories": {name: co_partitioned_topic(topic) for name, topic in TOPICS.items() if topic.internal},
        "sources": {stage: source(stage) for stage in (*STAGES, *OPTIONAL)},
    }


def _schema() -> str:
    """Return the values' schema with the current settings; the rest is written by hand."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    schema["$defs"]["settings"] = settings_schemas()
    schema["$defs"]["partitions"]["properties"] = {
        name: {"$ref": "#/$defs/count"} for name, topic in TOPICS.items() if topic.partitions > 1 and not topic.internal
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _yaml(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
