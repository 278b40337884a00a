"""Erasure of a case: after the proof, neither the broker's records nor its files hold any of its descriptors."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from msgspec.structs import replace

from models.text.terms import n_terms
from ops.broker.kafka import Kafka
from schemas.matrix import pack, unpack
from schemas.messages import Case, Descriptors, Reference
from schemas.topics import TOPICS
from streams.desk.erasure.runs_of_bytes import DescriptorRuns
from tests.integration.made import copied, described
from tests.integration.system import Answer, System, running
from tests.support.deadline import DEADLINE_S, until
from tests.unit.decode.made import moving, tone, video

TERM = "milkyway77"
WHY = ["--why", "she asked for it", "--yes"]


@pytest.fixture
def system(own_kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[System]:
    yield from running(own_kafka.bootstrap, prefix, tmp_path)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return video(tmp_path / "family-holiday.mp4", moving(48, shot_frames=12), sound=tone(4.0))


def opened(system: System, film: Path, name: str = "river") -> str:
    answer = system.jikimi_here("case", "add", "--name", name, "--reference", str(film), "--term", TERM, "--yes")
    assert answer.code == 0, answer.err
    return answer.out.strip()


def pieces(system: System, case_id: str) -> list[Reference]:
    entries: list[Case] = [kept.message for kept in system.records("cases") if kept.key.split("/")[0] == case_id]
    return [entry.reference for entry in entries if entry.reference]


def runs_of(found: list[Reference]) -> DescriptorRuns:
    runs = DescriptorRuns()
    for piece in found:
        runs.add(piece)
    return runs


def records_with(system: System, runs: DescriptorRuns) -> set[str]:
    """Return the topics in whose records any of the runs lies."""
    return {topic for topic in TOPICS if any([runs.found_in(value) for value in values(system, topic)])}  # noqa: C419 - to the end


def values(system: System, topic: str) -> Iterator[bytes]:
    """Yield every value that a topic still holds; the proof has a reader of its own."""
    name = system.settings.topic_prefix + topic
    server = {"bootstrap.servers": system.settings.bootstrap_servers}
    consumer = Consumer({**server, "group.id": "raw", "enable.partition.eof": True})
    partitions = [TopicPartition(name, number, 0) for number in range(TOPICS[topic].partitions)]
    consumer.assign(partitions)
    unread = set(range(len(partitions)))
    try:
        while unread:
            record = consumer.poll(DEADLINE_S)
            assert record is not None
            if record.error():
                unread.discard(record.partition())
            else:
                yield record.value() or b""
    finally:
        consumer.close()


def files_with(kafka: Kafka, runs: DescriptorRuns) -> set[str]:
    """Return the partitions in whose files on the broker's disk any of the runs lies."""
    found = set()
    for file in (kafka.folder / "data").rglob("*"):
        try:
            if file.is_file() and runs.found_in(file.read_bytes().strip(b"\0")):  # an index is 1 MB of zeros
                found.add(file.parent.name)
        except FileNotFoundError:  # compacted meanwhile
            continue
    return found


def lag(system: System, topic: str) -> tuple[str, bool]:
    """Return the largest compaction lag of a topic, and whether another setting of the erasure is left."""
    resource = ConfigResource(ResourceType.TOPIC, system.settings.topic_prefix + topic)
    client = AdminClient({"bootstrap.servers": system.settings.bootstrap_servers})
    found = client.describe_configs([resource])[resource].result(DEADLINE_S)
    return str(found["max.compaction.lag.ms"].value), found["min.compaction.lag.ms"].source == 1


DECLARED = ("1800000", False)


def set_lag(system: System, lag_ms: str) -> None:
    """Set the lag as an operator may."""
    entry = ConfigEntry("max.compaction.lag.ms", lag_ms, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{system.settings.topic_prefix}cases", incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": system.settings.bootstrap_servers})
    client.incremental_alter_configs([resource])[resource].result(DEADLINE_S)
    until(lambda: lag(system, "cases") == (lag_ms, False))


def killed_amid_compaction(system: System, case_id: str) -> subprocess.Popen[bytes]:
    """Begin a withdrawal and kill it once the broker has the settings of an erasure."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STANDING_STILL, "case", "withdraw", case_id, *WHY],
        env={**os.environ, **system.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: lag(system, "cases") == ("1", True))
    process.kill()
    process.wait()
    return process


_STANDING_STILL = """
import time
from streams import cli
from streams.desk.erasure import erase
erase._wait = lambda topics, *_: [topic.is_done() for topic in topics] and time.sleep(3600)
cli.main()
"""


def test_nothing_of_a_withdrawn_case_is_left_in_records_and_files(
    system: System, own_kafka: Kafka, film: Path, tmp_path: Path
) -> None:
    case_id = opened(system, film)
    described_pieces = pieces(system, case_id)
    runs = runs_of(described_pieces)
    visual = next(piece for piece in described_pieces if piece.modality == "visual")
    digests = {digest for piece in described_pieces if piece.modality == "text" for digest in piece.digests}
    assert (n_terms(digests), len(runs) > 100) == (1, True)
    worker = system.worker("match fusion")
    system.write("descriptors", "copy/0/visual", copy_of(visual))
    system.wait("verdicts", lambda kept: [k for k in kept if k.message.case_id == case_id])
    assert records_with(system, runs) == {"cases"}
    assert files_with(own_kafka, runs) == {f"{system.settings.topic_prefix}cases-0"}

    answer = withdrawn(system, case_id, tmp_path)

    assert "nothing is left that can be erased" in answer.out
    looked = proof(tmp_path)
    assert looked["cases"]["before"] == len(described_pieces) + 1
    assert [of for of in looked.values() if of["entries"] or of["descriptors"] or of["problem"]] == []
    assert looked["scores"]["named"] >= 1  # ids stay for the topic's retention, which the answer shows
    assert re.search(r"scores .*7 d", answer.out)
    assert records_with(system, runs) == set()
    until(lambda: not files_with(own_kafka, runs))
    assert (lag(system, "cases"), lag(system, "standings")) == (DECLARED, DECLARED)
    assert worker.stop() == 0


def test_a_killed_erasure_is_completed_by_the_next_and_a_second_finds_nothing(
    system: System, own_kafka: Kafka, film: Path, tmp_path: Path
) -> None:
    (mine, other), by_operator = (opened(system, film), opened(system, film, "lake")), "7200000"
    set_lag(system, by_operator)
    own = runs_of(pieces(system, mine))
    process = killed_amid_compaction(system, mine)
    assert process.returncode == -signal.SIGKILL
    assert lag(system, "cases") == ("1", True)

    withdrawn(system, mine, tmp_path)

    assert lag(system, "cases") == (by_operator, False)
    assert records_with(system, own) == {"cases"}
    withdrawn(system, other, tmp_path)
    assert records_with(system, own) == set()
    until(lambda: not files_with(own_kafka, own))
    again = withdrawn(system, mine, tmp_path)
    assert again.out.startswith("0 entries erased")
    assert "of its descriptors nothing was left to search for" in again.out
    unknown = system.jikimi_here("case", "withdraw", "case-unknown", *WHY)
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("jikimi: no case case-unknown")


def withdrawn(system: System, case_id: str, folder: Path) -> Answer:
    answer = system.jikimi_here("case", "withdraw", case_id, *WHY, "--json", str(folder / "proof.json"))
    assert answer.code == 0, answer.out + answer.err
    return answer


def proof(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what was found, by topic."""
    return {looked["topic"]: looked for looked in json.loads((folder / "proof.json").read_text())["looked"]}


def copy_of(piece: Reference) -> Descriptors:
    """Return the descriptors of a post that is a worse copy: no vector has equal bytes."""
    rows = copied(unpack(piece.vectors))
    found = described("copy", rows)
    return replace(found, model=piece.model, version=piece.version, vectors=pack(rows), times_s=piece.times_s)
