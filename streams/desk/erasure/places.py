"""Where a case leaves traces: what each place holds of it, how that is erased, and when it is gone.

The one table of it: the erasure, its proof and ops/docs/erasure.md follow it; a test holds that no topic is missing.
"""

from enum import StrEnum
from typing import NamedTuple

from schemas.topics import FOREVER, TOPICS
from streams.kafka.topic_settings import COMPACTION_LAG_S
from streams.replay.naming import all_topics

_COMPACTED = f"with the topic's next record after {COMPACTION_LAG_S // 60} min"
_ERASED = f"in seconds; without a wait, {_COMPACTED}; its ids, as tombstones, a day later"


class Fate(StrEnum):
    """What becomes of a case's traces in a place."""

    NONE = "holds nothing of a case"
    ERASED = "erased"
    EXPIRES = "expires"
    KEPT = "kept"
    """As the record of what was done in a person's name."""


class Place(NamedTuple):
    """A topic, or a place outside the broker."""

    name: str
    holds: str
    """Of a case; empty if nothing."""
    fate: Fate
    how: str
    """How it is erased, or why it is not."""
    gone: str
    """When."""


def retention(topic: str) -> str:
    """Return how long records of a topic are kept, for a person."""
    hours = TOPICS[topic].retention_hours
    return "kept for ever" if hours == FOREVER else f"{hours // 24} d" if hours >= 48 else f"{hours} h"  # noqa: PLR2004


def _published(topic: str, more: str = "") -> Place:
    how = f"written without regard to cases, from what others published{more}"
    return Place(topic, "", Fate.NONE, how, retention(topic))


def _expires(topic: str, holds: str) -> Place:
    return Place(topic, holds, Fate.EXPIRES, "the topic's retention", retention(topic))


_IDS = "ids of case and references, matched times, thumbnails that nobody can unseal without the case's data key"

_ROWS = (
    _published("posts", "; an address that a person had checked for a case is a post too, and does not name the case"),
    *(_published(topic) for topic in ("frames", "sounds", "texts", "descriptors", "reuse", "removals")),
    Place(
        "cases",
        "descriptors, digests of terms, the data key of thumbnails, pseudonym, policy, the authority's file number",
        Fate.ERASED,
        "tombstones, then compaction at once",
        _ERASED,
    ),
    Place(
        "standings",
        "who confirmed or withdrew a reference, when and why",
        Fate.ERASED,
        "tombstones, then compaction at once",
        _ERASED,
    ),
    Place(
        "lists",
        "of a list of others that is withdrawn as a case: its hashes",
        Fate.ERASED,
        "tombstones, then compaction at once",
        _ERASED,
    ),
    _expires("scores", _IDS),
    _expires("looks", "that a stretch of a post is perhaps of some case, not of which"),
    _expires("verdicts", f"{_IDS}, the post's address"),
    Place("labels", f"a reviewer's decision and note, {_IDS}", Fate.KEPT, "the record of decisions", "kept for ever"),
    Place(
        "takedowns",
        f"{_IDS}, the post's address, who decided and why",
        Fate.KEPT,
        "the legal record, chained: no event can leave it unseen",
        "kept for ever",
    ),
    Place(
        "deliveries",
        "notices as they were sent, with the authority's file number; answers, looks",
        Fate.KEPT,
        "the legal record of what was sent to whom",
        "kept for ever",
    ),
    Place("acts", "who did what to the case, when and why", Fate.KEPT, "the signed record of acts", "kept for ever"),
    Place("checkpoints", "", Fate.NONE, "hashes over takedowns, deliveries and acts", "-"),
    Place(
        "fusion-state",
        _IDS,
        Fate.EXPIRES,
        "fusion erases a post's state after JIKIMI_FUSION_MEMORY_S, then compaction",
        f"24 h, then {_COMPACTED}",
    ),
    Place(
        "delivery-state",
        "timers and counts of the case's takedowns",
        Fate.EXPIRES,
        "delivery erases them when it reads the withdrawal, then compaction",
        _COMPACTED,
    ),
    Place(
        "searches",
        "its id, while its references, or a list's hashes, are searched in the archive",
        Fate.EXPIRES,
        "match writes them again when it reads the withdrawal, then compaction",
        _COMPACTED,
    ),
    Place("feed-cursors", "", Fate.NONE, "positions of feeds", "-"),
    Place("deployments", "", Fate.NONE, "versions of models", "-"),
    Place("runs", "", Fate.NONE, "windows, models and counts of runs", "-"),
    _expires("dead-letters", "originals of scores, verdicts and events that a stage gave up on"),
)

PLACES: dict[str, Place] = {place.name: place for place in _ROWS}
"""Topics by name."""

OUTSIDE = (
    Place("workers' memory", "the index of references", Fate.ERASED, "each worker reads the tombstones", "seconds"),
    Place(
        "archive folders",
        "digests of references that were searched in it (progress.sqlite), a list's name and times of its imports "
        "(lists.sqlite); its slices and hashes are of posts only",
        Fate.ERASED,
        "the match worker overwrites them when it reads the tombstones",
        "seconds",
    ),
    Place(
        "desk folder",
        "names of the files, words that platforms are asked for, TMK+PDQF of a list",
        Fate.ERASED,
        "rewritten; pseudonym, times, reason and proof stay",
        "at once, here",
    ),
    Place(
        "the broker's replaced files", "what compaction has removed", Fate.ERASED, "file.delete.delay.ms", "a minute"
    ),
    Place(
        "other replicas of the broker",
        "the same topics",
        Fate.ERASED,
        "each compacts by itself, and only the leaders are read here",
        f"{COMPACTION_LAG_S // 60} min",
    ),
    Place(
        "evidence packs, exports, logs, backups, mirrors, snapshots",
        "what you had written there",
        Fate.KEPT,
        "not known to this system: erase them yourself",
        "-",
    ),
    Place("the victim's files", "-", Fate.KEPT, "they never left the desk's machine", "-"),
)
"""Places that are not topics."""


def place_of(topic: str) -> Place:
    """Return the row of a topic, without prefix; a run's copies are those of its topics until `jikimi replay clean`."""
    base, _, run_id = topic.partition(".")
    place = PLACES[base]
    if not run_id or place.fate in {Fate.NONE, Fate.ERASED}:
        return place._replace(name=topic)
    return place._replace(name=topic, how=f"deleted by `jikimi replay clean {run_id}`", gone="then")


def erased_topics() -> list[str]:
    """Return the topics whose entries an erasure erases."""
    return [topic for topic, place in PLACES.items() if place.fate is Fate.ERASED]


def copied_topics() -> list[str]:
    """Return the topics that runs have copies of, and that can hold anything of a case."""
    return [topic for topic in all_topics("posts") if PLACES[topic].fate is not Fate.NONE]


def searched_topics(existing: set[str]) -> list[str]:
    """Return the topics, without prefix, that can hold anything of a case; copies in runs after the others."""
    live = [topic for topic, place in PLACES.items() if place.fate is not Fate.NONE]
    copies = [topic for topic in existing if "." in topic and topic.partition(".")[0] in copied_topics()]
    return [*live, *sorted(copies)]
