"""The examples beside the schemas: good ones are read and written, refused ones are refused for the expected reason."""

import json
from pathlib import Path

import msgspec
import pytest

from schemas.avro import schema
from schemas.codec import Codec, WireError
from schemas.messages import Message
from schemas.topics import TOPICS

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
TOPIC_OF = {topic.schema: topic.name for topic in TOPICS.values() if topic.schema}


def example_id(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


def good(path: Path) -> tuple[str, Message]:
    """Return the topic and message of a good example."""
    name = path.parent.parent.name
    return TOPIC_OF[name], msgspec.json.decode(path.read_bytes(), type=schema(name).message)


GOOD = sorted(EXAMPLES.glob("*/good/*.json"))
REFUSED = sorted(EXAMPLES.glob("*/refused/*.json"))


def test_every_message_has_good_and_refused_examples() -> None:
    for paths in (GOOD, REFUSED):
        assert {path.parent.parent.name for path in paths} == set(TOPIC_OF)


@pytest.mark.parametrize("path", GOOD, ids=example_id)
def test_a_good_example_is_unchanged_by_encoding_and_decoding(path: Path) -> None:
    topic, message = good(path)
    assert Codec().decode(topic, Codec().encode(topic, message)) == message


@pytest.mark.parametrize("path", GOOD, ids=example_id)
def test_the_stored_bytes_of_a_good_example_are_read(path: Path) -> None:
    topic, message = good(path)
    assert Codec().decode(topic, path.with_suffix(".bin").read_bytes()) == message


@pytest.mark.parametrize("path", GOOD, ids=example_id)
def test_every_cut_of_a_good_example_is_refused(path: Path) -> None:
    topic, message = good(path)
    value = Codec().encode(topic, message)
    for length in range(len(value)):
        with pytest.raises(WireError):
            Codec().decode(topic, value[:length])


@pytest.mark.parametrize("path", REFUSED, ids=example_id)
def test_a_refused_example_is_refused_for_the_expected_reason(path: Path) -> None:
    example = json.loads(path.read_text())
    with pytest.raises(WireError) as refusal:
        Codec().decode(TOPIC_OF[path.parent.parent.name], bytes.fromhex(example["value"]))
    assert refusal.value.reason == example["reason"]
    assert "\n" not in refusal.value.detail
