"""The table of places where a case leaves traces."""

from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams.desk.erasure.places import OUTSIDE, PLACES, Fate, place_of, searched_topics
from streams.replay.naming import all_topics

_READERS_OF_CASES = {*TOPICS["cases"].consumers, *TOPICS["cases"].producers}


def test_every_topic_has_its_row() -> None:
    assert PLACES.keys() == TOPICS.keys(), "say in streams/desk/erasure/places.py what the topic holds of a case"


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_that_holds_nothing_of_a_case_has_no_producer_that_reads_cases(name: str) -> None:
    """Such a topic is not searched; of three with such a producer the records have no field for anything of a case."""
    if PLACES[name].fate is Fate.NONE and name not in {"posts", "deployments", "checkpoints"}:
        assert not _READERS_OF_CASES.intersection(TOPICS[name].producers)


@pytest.mark.parametrize("name", TOPICS)
def test_what_is_erased_is_compacted_and_what_is_kept_is_kept_for_ever(name: str) -> None:
    place, topic = PLACES[name], TOPICS[name]
    assert place.fate is not Fate.ERASED or topic.compacted
    assert place.fate is not Fate.KEPT or topic.retention_hours == -1
    assert place.fate is not Fate.EXPIRES or topic.compacted or topic.retention_hours > 0
    assert bool(place.holds) is (place.fate is not Fate.NONE)


def test_every_copy_of_a_run_that_can_hold_a_case_is_searched() -> None:
    existing = {f"{topic}.r1" for topic in all_topics("posts")} | {"another-systems.topic"}
    copies = [topic for topic in searched_topics(existing) if "." in topic]
    assert copies == ["cases.r1", "dead-letters.r1", "fusion-state.r1", "scores.r1", "verdicts.r1"]
    assert place_of("cases.r1").fate is Fate.ERASED
    assert "replay clean r1" in place_of("scores.r1").how


def test_the_document_has_the_same_table() -> None:
    text = (Path(__file__).parents[2] / "ops/docs/erasure.md").read_text("utf-8")
    for place in [*PLACES.values(), *OUTSIDE]:
        name = f"`{place.name}`" if place.name in PLACES else place.name
        assert f"| {name} | {place.holds or '-'} | {place.fate} | {place.how} | {place.gone} |" in text
