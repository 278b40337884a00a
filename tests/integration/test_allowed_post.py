"""`jikimi label POST CASE other --allow` on a broker: the label, and an allow-list of the post's media."""

from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import Case, Medium, Message, Post
from streams.cases.entries import case_key
from tests.integration.system import running
from tests.support.deadline import DEADLINE_S
from tests.unit.made_messages import NOW, POLICY

MEDIA = Path(__file__).parents[2] / "streams" / "demo" / "media"


def test_not_a_copy_becomes_an_allow_list_with_one_word(embedded: str, prefix: str, tmp_path: Path) -> None:
    medium = Medium(url=(MEDIA / "branch.mp4").as_uri())
    url = "https://made.example/1"
    post = Post(post_id="p1", platform="demo", url=url, published_at=NOW, seen_at=NOW, media=[medium])
    case = Case(case_id="case-a", name="A", opened_at=NOW, policy=POLICY)
    environment = {
        "JIKIMI_MEDIA_FILE_ROOTS": str(MEDIA),
        "JIKIMI_AUDIT_SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
    }
    with contextmanager(running)(embedded, prefix, tmp_path) as system:
        write(embedded, prefix, {("posts", "p1"): post, ("cases", case_key("case-a")): case})
        refused = system.jikimi("label", "p1", "case-a", "copy", "--allow", environment=environment)
        made = system.jikimi(
            "label", "p1", "case-a", "other", "--allow", "--note", "an advert", environment=environment
        )
        (label,) = system.wait("labels", list)
        entries = [kept.message for kept in system.records("cases") if kept.message.benign]
    assert (refused.code, refused.err.split(":")[1]) == (2, " --allow goes with other")
    assert made.code == 0, made.err
    assert label.message.decision == "other"
    assert {entry.case_id for entry in entries} == {made.out.splitlines()[-1]}
    assert {entry.name for entry in entries} == {"not a copy: p1"}
    assert {"visual", "audio"} <= {entry.reference.modality for entry in entries}


def write(bootstrap: str, prefix: str, messages: dict[tuple[str, str], Message]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for (topic, key), message in messages.items():
        producer.produce(prefix + topic, Codec().encode(topic, message), key)
    assert producer.flush(DEADLINE_S) == 0
