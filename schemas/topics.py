"""All topics declared in topics.yaml, in flow order."""

from dataclasses import dataclass
from importlib.resources import files

import yaml

FOREVER = -1
"""Retention of a topic that keeps its records indefinitely, in hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic; the fields are those of topics.yaml."""

    name: str
    purpose: str
    key: str
    schema: str | None
    """Name of the .avsc file of its values; None where only its own stage reads them."""
    partitions: int
    retention_hours: int = FOREVER
    compacted: bool = False
    """Only the last record of each key is kept, for the retention, and a tombstone erases it."""
    internal: bool = False
    """A stage's own state, not an arrow between stages."""
    max_bytes: int
    """Size of the largest record."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    @property
    def subject(self) -> str:
        """Subject in a schema registry."""
        return f"{self.name}-value"


def _load() -> dict[str, Topic]:
    declared = yaml.safe_load(files("schemas").joinpath("topics.yaml").read_text("utf-8"))
    topics = {}
    for name, fields in declared.items():
        schema = None if fields["schema"] == "none" else fields["schema"]
        roles = {role: tuple(fields[role]) for role in ("producers", "consumers")}
        topics[name] = Topic(name=name, **fields | {"schema": schema} | roles)
    return topics


TOPICS: dict[str, Topic] = _load()
"""Topics by name, in flow order."""
