"""A shadow on live traffic: its differences are counted, a restart continues it, and it issues no takedown."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ops.broker.raw import CODEC, Broker, Fed
from schemas.messages import MODALITIES, Verdict
from streams.kafka.serving import free_port
from tests.integration.recorded import TERM, VectorGenerator, case_entries, described, post_ref
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S, until

_OUTCOME = re.compile(r'jikimi_shadow_verdicts_total\{outcome="(\w+)"\} (\d+)')


def posts(generator: VectorGenerator, originals: dict[Any, Any], names: list[str]) -> list[Fed]:
    """Return the descriptors of posts; those named sound-* copy the sound and text of the case, the others nothing."""
    records = []
    for name in names:
        post = post_ref(name, datetime.now(UTC))
        for modality, original in originals.items():
            copied = name.startswith("sound") and modality != "visual"
            rows = generator.copy(original, 0.95) if copied else generator.original(modality)
            digests = [TERM] if copied and modality == "text" else []
            value = CODEC.encode("descriptors", described(post, modality, rows, digests=digests))
            records.append(Fed("descriptors", f"{name}/0/{modality}", value, datetime.now(UTC)))
    return records


@contextmanager
def shadow(system: System, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "shadow", "run", "--nice", "0", "beside", *arguments],
        env=os.environ | system.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def verdicts_of_shadow(broker: Broker) -> dict[str, Verdict]:
    if "verdicts.beside" not in broker.topics():
        return {}
    return {verdict.post.post_id: verdict for verdict in broker.messages("verdicts", "beside")}


def live_decisions(broker: Broker) -> dict[str, str]:
    """Return the last live decision on each post."""
    return {verdict.post.post_id: verdict.decision for verdict in broker.messages("verdicts")}


def is_following(broker: Broker) -> bool:
    return any(run.starts for run in broker.messages("runs"))


def outcomes(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE_S) as answer:
        return {name: int(float(count)) for name, count in _OUTCOME.findall(answer.read().decode())}


def test_a_shadow_follows_live_traffic_and_its_differences_are_counted(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    port = free_port()
    generator = VectorGenerator(5)
    originals = {modality: generator.original(modality) for modality in MODALITIES}
    broker.feed(case_entries("case-a", originals))
    broker.feed(posts(generator, originals, ["sound-before"]))
    system.environment |= {"JIKIMI_FUSION_DEADLINE_S": "2"}
    system.worker("match")
    system.worker("fusion")
    arguments = ("--from", "descriptors", "--with", "fusion=noisy-or@2", "--max-rate", "1000")
    with shadow(system, *arguments, JIKIMI_METRICS_PORT=str(port)) as process:
        until(lambda: is_following(broker))
        broker.feed(posts(generator, originals, ["sound-1", "other-1"]))
        until(lambda: len(verdicts_of_shadow(broker)) == 2 or process.poll() is not None)
        process.kill()
    broker.feed(posts(generator, originals, ["sound-2", "other-2"]))
    until(lambda: live_decisions(broker).keys() >= {"sound-1", "other-1", "sound-2", "other-2"})
    with shadow(system, *arguments, JIKIMI_METRICS_PORT=str(port)) as process:
        until(lambda: len(verdicts_of_shadow(broker)) == 4)
        # It processes posts written while it was dead, and none from before its first start.
        assert {name: verdict.decision for name, verdict in verdicts_of_shadow(broker).items()} == {
            "sound-1": "review",
            "other-1": "dismiss",
            "sound-2": "review",
            "other-2": "dismiss",
        }
        assert live_decisions(broker)["sound-1"] == "act"
        # The live verdicts on these posts came before it followed them; the next posts are counted.
        broker.feed(posts(generator, originals, ["sound-3", "other-3", "other-4"]))
        until(lambda: (outcomes(port).get("lost"), outcomes(port).get("same")) == (1, 2))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, err) == (0, b""), err
        assert b"continues it" in out
    run = broker.messages("runs")[-1]
    assert (run.kind, run.ends, run.finished_at is not None) == ("shadow", {}, True)
    assert run.starts
    assert broker.messages("takedowns") == []
    assert system.jikimi_here("replay", "clean", "beside").code == 0
    assert not any("." in topic for topic in broker.topics())
