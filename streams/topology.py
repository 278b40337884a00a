"""The stages, what each reads, and the consumer groups they read in."""

from collections.abc import Sequence

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.settings import Settings

STAGES = ("decode", "visual", "audio", "text", "match", "fusion", "takedown")
"""In flow order."""

OPTIONAL = ("screen",)
"""Stages that run only where settings ask for them."""

MODULES = {
    "decode": "streams.decode.stage",
    "visual": "streams.describe.visual",
    "audio": "streams.describe.audio",
    "screen": "streams.describe.screen",
    "text": "streams.describe.text",
    "match": "streams.match.stage",
    "fusion": "streams.fusion.stage",
    "takedown": "streams.takedown.stage",
}
"""The module of each stage, with a function `create(context)`."""

_ORDER = (*STAGES[: STAGES.index("text")], *OPTIONAL, *STAGES[STAGES.index("text") :])


def all_stages(settings: Settings) -> tuple[str, ...]:
    """Return the stages that these settings ask for."""
    return tuple(stage for stage in _ORDER if stage in STAGES or settings.ocr)


def in_flow_order(stages: Sequence[str]) -> tuple[str, ...]:
    """Return these stages, each once.

    Raises
    ------
    UsageError
        A stage is unknown.
    """
    unknown = sorted(set(stages) - set(_ORDER))
    if unknown:
        raise UsageError(f"unknown stage {unknown[0]!r}: expected some of {', '.join(_ORDER)}, or all alone")
    return tuple(stage for stage in _ORDER if stage in stages)


def group(settings: Settings, stages: Sequence[str]) -> str:
    """Return the group of a worker that runs these stages: the same in whatever order they are named."""
    stages = in_flow_order(stages)
    return group_start(settings) + ("all" if set(stages) >= set(STAGES) else "-".join(stages))


def group_start(settings: Settings) -> str:
    """Return what every group's name begins with."""
    return f"{settings.topic_prefix}{settings.group_prefix}-"


def readers_group(settings: Settings) -> str:
    """Return the group of those who follow a topic whole: never joined, but a broker with access rules asks for it."""
    return f"{group_start(settings)}followers"


def run_topic(topic: str, run_id: str) -> str:
    """Return the topic that a replay or shadow writes instead of a live one, without prefix."""
    return f"{topic}.{run_id}"


def sources(stage: str) -> tuple[str, ...]:
    """Return the topics a stage's agents read; what it lists of compacted ones is followed whole."""
    return tuple(t.name for t in TOPICS.values() if stage in t.consumers and not t.internal and not t.compacted)


def source(stage: str) -> str:
    """Return the topic that a stage is there for."""
    return sources(stage)[0]
