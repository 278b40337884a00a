"""Network policies and Kafka access rules of each component."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ops.chart.render import Object, render, values_of
from schemas.topics import TOPICS
from streams.links.addresses import is_public
from streams.topology import STAGES, source
from tests.unit.helm.made import environment, merged, of_kind, pod_labels, pods, rendered

DEFAULT = values_of("default")
_REACHABLE = ["1.1.1.1", "93.184.216.34", "151.101.1.69", "2606:4700::1111", "2a00:1450:4001:801::200e", "2400:cb00::1"]
_INSIDE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "fd00::1", "fe80::1", "64:ff9b::a00:1", "2002:a00:1::",
    "ff02::1", "::ffff:10.0.0.1", "2001:0:a00:1::", "fd00:ec2::254",
]  # fmt: skip


def egress(objects: list[Object], component: str) -> list[dict[str, Any]]:
    """Return all egress rules of this component."""
    (own,) = (each for each in pod_labels(objects) if each["app.kubernetes.io/component"] == component)
    policies = of_kind(objects, "NetworkPolicy").values()
    chosen = [one["spec"] for one in policies if one["spec"]["podSelector"]["matchLabels"].items() <= own.items()]
    assert any("Egress" in spec["policyTypes"] and "Ingress" in spec["policyTypes"] for spec in chosen)
    return [rule for spec in chosen for rule in spec.get("egress") or []]


def blocks(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [peer["ipBlock"] for rule in rules for peer in rule.get("to", []) if "ipBlock" in peer]


def allows(block: dict[str, Any], address: str) -> bool:
    found = ip_address(address)
    return found in ip_network(block["cidr"]) and not any(found in ip_network(inside) for inside in block["except"])


@pytest.mark.parametrize("stage", ["decode", "delivery"])
def test_what_follows_links_reaches_the_internet_and_nothing_private(stage: str) -> None:
    found = blocks(egress(rendered("default"), stage))
    for address in _REACHABLE:
        assert is_public(ip_address(address))
        assert any(allows(block, address) for block in found), address
    for address in _INSIDE:
        assert not is_public(ip_address(address))
        assert not any(allows(block, address) for block in found), address


def test_an_exception_lies_within_its_block() -> None:
    for block in blocks(egress(rendered("default"), "decode")):
        assert all(ip_network(inside).subnet_of(ip_network(block["cidr"])) for inside in block["except"])  # type: ignore[arg-type]


@pytest.mark.parametrize("component", [*STAGES[1:-1], "monitor", "topics"])
def test_a_component_without_need_has_no_internet_access(component: str) -> None:
    rules = egress(rendered("default"), component)
    assert blocks(rules) == []
    assert sorted(port["port"] for rule in rules for port in rule["ports"]) == [53, 53, 8080, 8081, 9092, 9093, 9094]


def test_only_decode_reaches_the_object_store() -> None:
    objects = rendered("default")
    ports = {stage: {p["port"] for rule in egress(objects, stage) for p in rule["ports"]} for stage in STAGES}
    assert [stage for stage in STAGES if 9000 in ports[stage]] == ["decode"]


def test_polling_feeds_reach_their_platform_and_the_http_feed_is_reachable() -> None:
    objects = rendered("feeds")
    assert all(blocks(egress(objects, f"feed-{name}")) for name in ("bluesky", "social"))
    assert not any(blocks(egress(objects, f"feed-{name}")) for name in ("push", "house"))
    assert 9096 in {port["port"] for rule in egress(objects, "feed-house") for port in rule["ports"]}
    (rule,) = of_kind(objects, "NetworkPolicy")["guard-jikimi-feed-push"]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
    assert rule["from"]


def test_only_prometheus_has_ingress() -> None:
    spec = of_kind(rendered("default"), "NetworkPolicy")["guard-jikimi"]["spec"]
    (rule,) = spec["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "metrics"}]
    assert rule["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    closed = of_kind(render(merged(DEFAULT, {"networkPolicy": {"metricsFrom": []}})), "NetworkPolicy")
    assert not closed["guard-jikimi"]["spec"]["ingress"]


def granted(objects: list[Object], user: str, resource: str, operation: str) -> set[str]:
    acls = of_kind(objects, "KafkaUser")[f"guard-jikimi-{user}"]["spec"]["authorization"]["acls"]
    allowed = [rule["resource"] for rule in acls if operation in rule["operations"]]
    return {each["name"] for each in allowed if each["type"] == resource}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_may_read_and_write_only_the_topics_of_its_arrows(stage: str) -> None:
    objects = rendered("scram")
    read, written = granted(objects, stage, "topic", "Read"), granted(objects, stage, "topic", "Write")
    assert f"trial.{source(stage)}" in read
    assert written == {f"trial.{name}" for name, topic in TOPICS.items() if stage in topic.producers}
    own = {
        "takedown": {f"trial.{name}" for name in ("takedowns", "acts", "deliveries", "checkpoints")},
        "delivery": {"trial.acts"},
        "decode": {"trial.frames", "trial.sounds"},
        "visual": {"trial.descriptors"},
        "audio": {"trial.descriptors"},
    }.get(stage, set())
    assert read == own | {f"trial.{name}" for name, topic in TOPICS.items() if {stage, "workers"} & {*topic.consumers}}
    assert granted(objects, stage, "group", "Read") == {f"trial.jkm-{stage}", "trial.jkm-followers"}
    transactional = {f"trial.jkm-{stage}-state-"} if stage in {"fusion", "delivery"} else set()
    assert granted(objects, stage, "transactionalId", "Write") == transactional
    assert granted(objects, stage, "topic", "Create") == granted(objects, stage, "topic", "Delete") == set()


def test_a_feed_writes_in_transactions_of_its_own_name() -> None:
    acls = of_kind(rendered("scram"), "KafkaUser")["guard-jikimi-feeds"]["spec"]["authorization"]["acls"]
    (rule,) = (rule for rule in acls if rule["resource"]["type"] == "transactionalId")
    assert rule["resource"] == {"type": "transactionalId", "name": "trial.jkm-feed-", "patternType": "prefix"}


READING = {"kind": "http", "tokenSecret": "push-token", "platformsSecret": "platform-tokens"}


def test_the_feed_that_platforms_read_takedowns_from_has_their_file_and_a_user_of_its_own() -> None:
    objects = render(
        merged(values_of("scram"), {"feeds": {"platforms": READING, "push": {**READING, "platformsSecret": ""}}})
    )
    pod, other = (pods(objects)[f"guard-jikimi-feed-{name}"] for name in ("platforms", "push"))
    (volume,) = (one for one in pod["volumes"] if one["name"] == "platforms")
    assert volume["secret"]["secretName"] == "platform-tokens"
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "platforms")
    given = environment(pod)
    assert given["JIKIMI_DELIVERY_PLATFORMS"] == f"{mount['mountPath']}/platforms.yaml"
    assert (given["JIKIMI_DELIVERY_SECRETS_FOLDER"], mount["readOnly"]) == (mount["mountPath"], True)
    assert (given["JIKIMI_SASL_USERNAME"], environment(other)["JIKIMI_SASL_USERNAME"]) == (
        "guard-jikimi-reading",
        "guard-jikimi-feeds",
    )
    assert "JIKIMI_DELIVERY_PLATFORMS" not in environment(other)
    for resource in ("topic", "group", "transactionalId"):
        for operation in ("Read", "Write"):
            more = granted(objects, "reading", resource, operation) - granted(objects, "feeds", resource, operation)
            wanted = {("topic", "Read"): {"trial.takedowns"}, ("topic", "Write"): {"trial.deliveries"}}
            assert more == wanted.get((resource, operation), set())


def test_every_component_uses_the_user_that_strimzi_creates_for_it() -> None:
    for case in ("strimzi", "scram"):
        objects = rendered(case)
        users = set(of_kind(objects, "KafkaUser"))
        for name, pod in pods(objects).items():
            role = "feeds" if "-feed-" in name else name.removeprefix("guard-jikimi-")
            assert f"guard-jikimi-{role}" in users
            assert f"guard-jikimi-{role}" in str(pod), (case, name)


def test_topics_are_kept_when_the_release_is_deleted() -> None:
    topics = of_kind(rendered("scram"), "KafkaTopic").values()
    assert {topic["spec"]["topicName"] for topic in topics} == {f"trial.{name}" for name in TOPICS}
    assert all(topic["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for topic in topics)


def test_a_state_topic_has_as_many_partitions_as_its_source_topic() -> None:
    topics = of_kind(rendered("strimzi"), "KafkaTopic")
    assert topics["guard-jikimi-scores"]["spec"]["partitions"] == 16
    assert topics["guard-jikimi-fusion-state"]["spec"]["partitions"] == 16
