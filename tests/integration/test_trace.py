"""One trace from a post to its takedown, over a real Kafka to a real collector, on every path of the post."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from schemas.codec import Codec
from schemas.messages import Parts
from streams.demo.processes import Worker
from tests.integration.made import described, footage
from tests.integration.system import System, running
from tests.support.brokers import new_prefix
from tests.support.collector import Collector, Kept, collecting
from tests.support.deadline import DEADLINE_S, until
from tests.unit.made_messages import match, scores

_CODEC = Codec()
_PATH = ["send posts", "decode posts", "text texts", "match descriptors", "fusion scores", "takedown verdicts"]
_SECRET = "Mondlicht"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def system(kafka: str, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    for system in running(kafka, new_prefix(), tmp_path_factory.mktemp("traced")):
        # So low that text alone is enough to act.
        system.environment |= {"JIKIMI_ACT": "0.7", "JIKIMI_FUSION_DEADLINE_S": "2"}
        system.environment["JIKIMI_TRACE_ENDPOINT"] = collector.endpoint
        system.environment["JIKIMI_SESSION_TIMEOUT_S"] = "60"  # one span a stage: no record is read twice after a stall
        yield system


@pytest.fixture(scope="module", autouse=True)
def worker(system: System) -> Worker:
    return system.worker("all")


def feed(system: System, collector: Collector, post_id: str) -> str:
    """Feed one post; return its trace id."""
    earlier = {span.trace_id for span in collector.spans}
    file = Path(system.folder / f"{post_id}.jsonl")
    line = {"url": f"https://made.example/{post_id}", "platform": "made", "caption": f"see {_SECRET} here {post_id}"}
    file.write_text(json.dumps(line) + "\n")
    answer = system.jikimi("feed", "jsonl", str(file))
    assert answer.code == 0, answer.err
    (span,) = [span for span in collector.spans if span.name == "send posts" and span.trace_id not in earlier]
    return span.trace_id


def chain(spans: list[Kept], last: str) -> list[str]:
    """Return the names from the root to the last span of this name."""
    by_id = {span.span_id: span for span in spans}
    found = [span for span in spans if span.name == last][-1:]
    while found and found[0].parent_id in by_id:
        found.insert(0, by_id[found[0].parent_id])
    return [span.name for span in found]


def test_a_post_has_one_trace_to_its_takedown_even_if_a_later_case_finds_it(
    system: System, collector: Collector
) -> None:
    early = feed(system, collector, "early")
    until(lambda: len(collector.of(early)) >= len(_PATH))
    assert system.jikimi("case", "add", "--name", "M", "--term", _SECRET).code == 0
    late_path = [*_PATH[:3], "late descriptors", *_PATH[4:]]
    until(lambda: chain(collector.of(early), "takedown verdicts") == late_path)
    fresh = feed(system, collector, "fresh")
    until(lambda: chain(collector.of(fresh), "delivery takedowns") == [*_PATH, "delivery takedowns"])
    assert len(system.records("takedowns")) == 2
    spans = collector.of(fresh)
    assert sorted(span.name for span in spans) == sorted([*_PATH, "delivery takedowns"])  # one a stage, no others
    assert {span.service for span in spans} == {"jikimi feed jsonl", "jikimi worker all"}
    exported = repr(spans)
    assert not [secret for secret in (_SECRET, "made.example", "fresh") if secret in exported]
    for span in spans:
        if span.name == _PATH[0]:
            continue  # of the feed, which has read it from no topic
        assert span.attributes["messaging.system"] == "kafka"
        assert span.attributes["messaging.destination.name"] == span.name.split()[1]
        assert int(span.attributes["messaging.kafka.offset"]) >= 0
        assert not span.failed


def traceparent(number: int) -> dict[str, bytes]:
    return {"traceparent": f"00-{number:032x}-{number:016x}-01".encode(), "mine": b"kept"}


def write(system: System, topic: str, key: str, value: bytes, headers: dict[str, bytes]) -> None:
    producer = Producer({"bootstrap.servers": system.settings.bootstrap_servers, "partitioner": "murmur2_random"})
    producer.produce(system.settings.topic_prefix + topic, value, key, headers=list(headers.items()))
    assert producer.flush(DEADLINE_S) == 0


def test_a_verdict_at_the_deadline_stays_in_its_trace(system: System, collector: Collector) -> None:
    incomplete = scores("visual", match(), parts=Parts(visual=2, audio=0, text=0))
    write(system, "scores", "p1", _CODEC.encode("scores", incomplete), traceparent(7))
    trace = f"{7:032x}"
    until(lambda: len(collector.of(trace)) >= 3)
    assert chain(collector.of(trace), "takedown verdicts") == ["fusion scores", "deadline scores", "takedown verdicts"]
    assert collector.of(trace)[0].parent_id == f"{7:016x}"


def test_a_dead_letter_and_its_redrive_stay_in_their_trace(system: System, collector: Collector) -> None:
    write(system, "posts", "broken", b"no post", traceparent(9))
    until(lambda: len(collector.of(f"{9:032x}")) == 1)
    (letter,) = [kept.message for kept in system.wait("dead-letters", lambda kept: kept)]
    assert letter.headers == traceparent(9)
    assert system.jikimi("dead-letters", "redrive").code == 0
    until(lambda: len(collector.of(f"{9:032x}")) == 2)
    for span in collector.of(f"{9:032x}"):
        assert (span.name, span.parent_id, span.failed) == ("decode posts", f"{9:016x}", True)
        assert span.attributes["error.type"] == "wire_not_avro"


def test_the_metrics_have_few_label_values_and_no_ids(system: System, worker: Worker) -> None:
    page = httpx.get(worker.metrics_url, timeout=DEADLINE_S).text
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    ours = [sample for sample in samples if sample.name.startswith("jikimi_")]
    counted = {sample.name.removesuffix("_count") for sample in ours if sample.value}
    assert counted >= {
        "jikimi_stage_seconds", "jikimi_waiting_seconds", "jikimi_input_bytes_total", "jikimi_output_bytes_total",
        "jikimi_dead_letters_total", "jikimi_model_info", "jikimi_model_load_seconds", "jikimi_model_seconds",
        "jikimi_batch_rows", "jikimi_verdicts_total", "jikimi_probability", "jikimi_end_to_end_seconds",
        "jikimi_late_search_seconds", "jikimi_open_cases", "jikimi_reference_pieces", "jikimi_takedowns_total",
    }  # fmt: skip
    values = {value for sample in ours for label, value in sample.labels.items() if label != "le"}
    assert not [value for value in values if re.search(r"[0-9a-f]{8}|[/:]|early|fresh|made", value)], values
    assert len(values) < 80
    assert len([sample for sample in ours if "le" not in sample.labels]) < 250
    per_stage = {s.labels["stage"]: s.value for s in ours if s.name == "jikimi_stage_seconds_count"}
    for stage, topic in (("text", "texts"), ("match", "descriptors"), ("fusion", "scores"), ("takedown", "verdicts")):
        assert per_stage[stage] == len(system.records(topic))


def test_a_collector_that_does_not_answer_delays_nothing(kafka: str, prefix: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for system in running(kafka, prefix, tmp_path):
            system.environment["JIKIMI_TRACE_ENDPOINT"] = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
            worker = system.worker("match")
            for number in range(300):
                system.write("descriptors", f"p{number}/0/visual", described(f"p{number}", footage(number)))
            system.flush()
            system.wait("scores", lambda kept: len(kept) >= 300)
            # The collector never answers, and the worker ends by itself: 1 is its hard exit, -9 that of the test.
            assert worker.stop() == 0, worker.log_file.read_text()
            lines = worker.log_file.read_text().splitlines()
            assert len([line for line in lines if "export" in line]) <= 3
