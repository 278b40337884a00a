"""Stages, their source topics and their consumer groups."""

from collections.abc import Sequence

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.settings import Settings

STAGES = ("decode", "visual", "audio", "text", "match", "fusion", "takedown", "delivery")
"""In flow order."""

OPTIONAL = ("screen",)
"""Stages that run only if the settings enable them."""

MODULES = {
    "decode": "streams.decode.stage",
    "visual": "streams.describe.visual",
    "audio": "streams.describe.audio",
    "screen": "streams.describe.screen",
    "text": "streams.describe.text",
    "match": "streams.match.stage",
    "fusion": "streams.fusion.stage",
    "takedown": "streams.takedown.stage",
    "delivery": "streams.delivery.stage",
}
"""The module of each stage, with a function `create(context)`."""

CLIENT_ID = "jikimi-worker"
"""By which members of a consumer group are known to be workers."""

_ORDER = (*STAGES[: STAGES.index("text")], *OPTIONAL, *STAGES[STAGES.index("text") :])


def all_stages(settings: Settings) -> tuple[str, ...]:
    """Return the stages that these settings enable, in flow order."""
    return tuple(stage for stage in _ORDER if stage in STAGES or settings.ocr)


def in_flow_order(stages: Sequence[str]) -> tuple[str, ...]:
    """Return these stages in flow order, each once.

    Raises
    ------
    UsageError
        A stage is unknown.
    """
    unknown = sorted(set(stages) - set(_ORDER))
    if unknown:
        raise UsageError(f"unknown stage {unknown[0]!r}: expected some of {', '.join(_ORDER)}, or all alone")
    return tuple(stage for stage in _ORDER if stage in stages)


def group(settings: Settings, stage: str) -> str:
    """Return the consumer group of a stage, the same whatever else its process runs."""
    return group_prefix(settings) + stage


def group_prefix(settings: Settings) -> str:
    """Return the prefix of every consumer group."""
    return f"{settings.topic_prefix}{settings.group_prefix}-"


def readers_group(settings: Settings) -> str:
    """Return the group of readers of whole topics: never joined, but a broker with access rules requires one."""
    return f"{group_prefix(settings)}followers"


def run_topic(topic: str, run_id: str) -> str:
    """Return the topic that a replay or shadow writes instead of a live one, without prefix."""
    return f"{topic}.{run_id}"


def sources(stage: str) -> tuple[str, ...]:
    """Return the topics that a stage's agents read; its compacted topics are read as a whole instead."""
    return tuple(t.name for t in TOPICS.values() if stage in t.consumers and not t.internal and not t.compacted)


def redriven_topics(stage: str) -> tuple[str, ...]:
    """Return the topics to which dead letters of a stage may be written again.

    Not takedowns: its events are chained, a repeated one is ignored, and nobody else may write it.
    """
    return tuple(topic for topic in sources(stage) if topic != "takedowns")


def source(stage: str) -> str:
    """Return the main source topic of a stage."""
    return sources(stage)[0]
