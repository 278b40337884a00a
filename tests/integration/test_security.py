"""Kafka with TLS, SCRAM and access rules: every stage with only the rights it needs, and the doctor."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.cases.entries import reference_key
from streams.delivery.reading.log import TakedownPages
from streams.demo.processes import Worker
from streams.doctor.rights import ROLES, rights_of
from streams.feeds.http.record_queue import BrokerUnavailableError
from streams.kafka.clients import client_config
from streams.settings import load_settings
from streams.topology import STAGES
from tests.integration.made import entry, footage, reference
from tests.integration.system import System, running
from tests.support.brokers import new_prefix
from tests.support.deadline import DEADLINE_S
from tests.support.secured import PASSWORD, SecuredKafka, certify

WRITERS = {
    "cases": {"desk", "exchange"},
    "standings": {"desk"},
    "acts": {"desk", "exchange"},
    "labels": {"desk"},
    "deployments": {"desk"},
    "verdicts": {"fusion", "desk"},  # desk: redrives
    "takedowns": {"takedown", "delivery"},
}
"""Only users of these roles may write the topics that decide what is taken down."""
LINE = b'{"platform": "made", "url": "https://made.example/1", "caption": "a caption that nobody looks for"}\n'


@pytest.fixture(scope="module")
def system(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Yield a system with topics, and for every role a user of its name and with its rights; `nobody` has none."""
    prefix = new_prefix()
    settings = load_settings(topic_prefix=prefix)
    rights = {role: list(rights_of(role, settings)) for role in ROLES}
    unaltering = [right for right in rights["desk"] if right.operation != "AlterConfigs"]
    secured.add_users(rights | {"nobody": [], "most": rights["feeds"][1:], "unaltering": unaltering})
    yield from running(secured.plain, prefix, tmp_path_factory.mktemp("secured"))


def doctor(system: System, secured: SecuredKafka, user: str, role: str, **changes: str) -> dict[str, list[str]]:
    """Return the doctor's findings on the broker, by health."""
    environment = secured.environment(user) | changes
    answer = system.jikimi("doctor", "--json", "--role", role, environment=environment)
    found = [finding for finding in json.loads(answer.out) if finding["check"] in {"broker", f"rights of {role}"}]
    assert answer.code == any(finding["health"] == "wrong" for finding in json.loads(answer.out))
    assert all(finding["mend"] for finding in found if finding["health"] != "ok")
    return {health: [f["said"] + f["mend"] for f in found if f["health"] == health] for health in ("ok", "wrong")}


def test_a_post_is_processed_to_its_verdict_with_only_the_rights_that_the_doctor_lists(
    system: System, secured: SecuredKafka
) -> None:
    with ExitStack() as stack:
        workers = {}
        for stage in STAGES:
            environment = system.environment | secured.environment(stage)
            workers[stage] = stack.enter_context(Worker([stage], system.folder, environment))
        for worker in workers.values():
            worker.wait_until_ready()
        answer = system.jikimi("feed", "jsonl", "-", stdin=LINE, environment=secured.environment("feeds"))
        assert (answer.code, answer.out, answer.err) == (0, "1 posts, 0 refused\n", "")
        (verdict,) = system.wait("verdicts", lambda kept: kept)
        assert verdict.message.decision == "dismiss"
        time.sleep(1.5)  # so that every stage has committed too
        assert [worker.stop() for worker in workers.values()] == [0] * len(STAGES)
    logs = {stage: worker.log_file.read_text() for stage, worker in workers.items()}
    assert {stage for stage, log in logs.items() if "uthoriz" in log or '"level": "error"' in log} == set()


def test_search_and_exchange_run_with_only_the_rights_that_the_doctor_lists(
    system: System, secured: SecuredKafka, tmp_path: Path
) -> None:
    asked = secured.environment("search") | {"JIKIMI_SEARCH_MASTODON": "https://mastodon.example"}
    searched = system.jikimi("feed", "search", "--once", environment=asked)
    assert (searched.code, searched.out) == (0, "0 posts, 0 refused\n"), searched.err
    (tmp_path / "list").write_text(f"video_md5 {'0' * 32}\n")
    form, environment = ("--format", "lines", "--list", "theirs"), secured.environment("exchange")
    imported = system.jikimi("exchange", "import", str(tmp_path / "list"), *form, environment=environment)
    assert imported.code == 0, imported.err
    told = system.jikimi("exchange", "feedback", *form, "--out", str(tmp_path / "told"), environment=environment)
    assert told.code == 0, told.err


def test_takedowns_are_read_with_only_the_rights_that_the_doctor_lists(system: System, secured: SecuredKafka) -> None:
    def pages_of(user: str) -> TakedownPages:
        return TakedownPages(load_settings(**given(system.environment | secured.environment(user))))

    assert asyncio.run(pages_of("reading").page(None, 10, lambda _: None)).takedowns == []
    with pytest.raises(BrokerUnavailableError):
        asyncio.run(pages_of("feeds").page(None, 10, lambda _: None))


@pytest.mark.parametrize("role", ROLES)
def test_a_user_is_refused_the_topics_that_decide_what_is_taken_down(
    system: System, secured: SecuredKafka, role: str
) -> None:
    forbidden = {system.settings.topic_prefix + topic for topic, writers in WRITERS.items() if role not in writers}
    config = client_config(load_settings(**given(secured.environment(role))))
    producer, refused = Producer(config | {"message.timeout.ms": DEADLINE_S * 1000}), {}
    for topic in forbidden:
        producer.produce(topic, b"forged", on_delivery=lambda error, message: refused.update({message.topic(): error}))
    producer.flush(DEADLINE_S)
    assert {topic: error and error.name() for topic, error in refused.items()} == dict.fromkeys(
        forbidden, "TOPIC_AUTHORIZATION_FAILED"
    )


def given(environment: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("JIKIMI_").lower(): value for name, value in environment.items()}


def test_the_doctor_confirms_the_rights_of_a_role(system: System, secured: SecuredKafka) -> None:
    found = doctor(system, secured, "feeds", "feeds")
    assert found["wrong"] == []
    assert "with TLS as feeds by SCRAM-SHA-512" in found["ok"][0]
    assert "the workers' client connects too; it has transactions" in found["ok"][1]
    assert "has 7 of 7 rights" in found["ok"][2]


def test_the_doctor_names_the_right_that_is_missing_and_the_command_that_grants_it(
    system: System, secured: SecuredKafka
) -> None:
    posts = f"{system.settings.topic_prefix}posts"
    (finding,) = doctor(system, secured, "most", "feeds")["wrong"]
    assert f"most may not write topic {posts}" in finding
    assert f"--add --allow-principal User:most --operation Write --topic {posts} " in finding
    assert f"{{resource: {{type: topic, name: {posts}}}, operations: [Write]}}" in finding


def test_the_doctor_finds_every_right_of_nobody_missing(system: System, secured: SecuredKafka) -> None:
    findings = " ".join(doctor(system, secured, "nobody", "fusion")["wrong"])
    assert all(right.name in findings for right in rights_of("fusion", system.settings))
    findings = " ".join(doctor(system, secured, "nobody", "feeds")["wrong"])
    assert "--resource-pattern-type prefixed --transactional-id" in findings


def test_a_case_is_erased_with_only_the_rights_of_the_desk_and_less_is_named(
    system: System, secured: SecuredKafka
) -> None:
    piece = reference(footage(1))
    for case_id in ("case-one", "case-two"):
        system.write("cases", case_id, entry(case_id))
        system.write("cases", reference_key(case_id, piece), entry(case_id, piece))
    system.flush()
    withdraw = ["case", "withdraw", "--yes", "--why", "a test"]
    erased = system.jikimi(*withdraw, "case-one", environment=secured.environment("desk"))
    assert (erased.code, erased.out.splitlines()[0]) == (0, "2 entries erased"), erased.out + erased.err
    refused = system.jikimi(*withdraw, "case-two", "--wait", "2", environment=secured.environment("unaltering"))
    assert "was not compacted at once: the broker refuses to change" in refused.out
    assert "with the topic's next record after 30 min" in refused.out
    assert refused.code == 1


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"JIKIMI_SASL_PASSWORD": "another"}, "JIKIMI_SASL_PASSWORD"),
        ({"JIKIMI_CA_FILE": ""}, "JIKIMI_CA_FILE"),
        ({"JIKIMI_SECURITY_PROTOCOL": "PLAINTEXT"}, "JIKIMI_SECURITY_PROTOCOL"),
    ],
)
def test_the_doctor_and_a_feed_report_why_the_broker_refuses_a_client(
    system: System, secured: SecuredKafka, change: dict[str, str], setting: str, tmp_path: Path
) -> None:
    if "JIKIMI_CA_FILE" in change:
        certify(tmp_path)  # by another authority of the same name
        change = {"JIKIMI_CA_FILE": str(tmp_path / "ca.pem")}
    (finding,) = doctor(system, secured, "feeds", "feeds", **change)["wrong"]
    assert setting in finding
    assert PASSWORD not in finding
    environment = secured.environment("feeds") | change | {"JIKIMI_START_GRACE_S": "2"}
    answer = system.jikimi("feed", "jsonl", "-", stdin=LINE, environment=environment)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
