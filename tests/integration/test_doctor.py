"""The doctor on a real Kafka: it names each stage that no worker runs."""

from schemas.topics import TOPICS
from streams.doctor.consumers import consumers
from streams.doctor.finding import Finding
from streams.topology import STAGES, sources
from tests.integration.system import System
from tests.support.deadline import until


def findings(system: System, *roles: str) -> dict[str, Finding]:
    return {finding.check: finding for finding in consumers(system.settings, roles or STAGES)}


def test_a_stage_without_a_worker_is_named_until_one_reads_all_its_partitions(system: System) -> None:
    until(lambda: "lag of decode" in findings(system))  # new partitions have no leaders for a moment
    found = findings(system)
    assert {finding.health for check, finding in found.items() if check.startswith("consumers of")} == {"wrong"}
    assert {check for check in found if check.startswith("consumers of")} == {
        f"consumers of {stage}" for stage in STAGES
    }
    answer = system.jikimi_here("doctor", "--role", "takedown")
    assert answer.code == 1
    assert "consumers of takedown" in answer.out
    worker = system.worker("takedown")
    running = findings(system, "takedown")
    n_partitions = sum(TOPICS[topic].partitions for topic in sources("takedown"))
    assert running["consumers of takedown"].health == "ok", running
    assert f"{system.settings.topic_prefix}jikimi-takedown read all {n_partitions} partitions" in (
        running["consumers of takedown"].message
    )
    assert running["lag of takedown"].health == "ok"
    assert worker.stop() == 0
    assert findings(system, "takedown")["consumers of takedown"].health == "wrong"


def test_a_role_that_is_no_stage_has_no_consumers(system: System) -> None:
    assert findings(system, "feeds", "desk") == {}
