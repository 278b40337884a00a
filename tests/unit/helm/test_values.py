"""Values reach the objects, and invalid values are refused."""

from typing import Any

import helm_python
import pytest
from pydantic import SecretStr

from ops.chart.render import CASES, chart, render, values_of
from ops.chart.settings import SET_BY_THE_CHART, names
from streams.engine.worker import STOP_S
from streams.settings import Settings, load_settings
from streams.topology import STAGES
from tests.unit.helm.made import environment, merged, of_kind, pods, rendered

MINIMAL = values_of("minimal")
STRIMZI_TLS = {"enabled": True, "cluster": "main", "authentication": "tls"}
_SHARED = ("posts", "frames", "sounds", "texts", "descriptors", "scores", "looks", "verdicts")
"""Topics that the workers of a stage share."""
NAMES = {f"{prefix}{name.upper()}" for prefix, name in names(Settings)}
"""Environment variables of all settings."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("typo", "message"),
    [
        ({"kafkas": {}}, "kafkas"),
        ({"kafka": {"bootstrapServer": "kafka:9092"}}, "bootstrapServer"),
        ({"kafka": {"bootstrapServers": "kafka"}}, "bootstrapServers"),
        ({"kafka": {"securityProtocol": "TLS"}}, "securityProtocol"),
        ({"kafka": {"sasl": {"mechanism": "SCRAM"}}}, "mechanism"),
        ({"kafka": {"tls": {"ca": "x"}}}, "ca"),
        ({"settings": {"drain": 20}}, "drain"),
        ({"settings": {"window": 0}}, "window"),
        ({"settings": {"act": 1.5}}, "act"),
        ({"settings": {"term_key": "0123456789abcdef"}}, "term_key"),
        ({"settings": {"sasl_password": "secret"}}, "sasl_password"),
        ({"settings": {"http": {"token": "0123456789abcdef"}}}, "token"),
        ({"settings": {"media": {"max_byte": 1}}}, "max_byte"),
        ({"stages": {"visuals": {}}}, "visuals"),
        ({"stages": {"visual": {"replica": 2}}}, "replica"),
        ({"stages": {"visual": {"replicas": -1}}}, "replicas"),
        ({"stages": {"visual": {"settings": {"windows": 2}}}}, "windows"),
        ({"stages": {"visual": {"settings": {"topic_prefix": "other."}}}}, "topic_prefix"),
        ({"stages": {"visual": {"archive": {}}}}, "archive"),
        ({"stages": {"visual": {"seccompProfile": {"type": "Unconfined"}}}}, "seccompProfile"),
        ({"stages": {"visual": {"resources": {"limit": {}}}}}, "limit"),
        ({"topics": {"partitions": {"post": 8}}}, "post"),
        ({"topics": {"partitions": {"cases": 8}}}, "cases"),
        ({"scaling": {"mode": "KEDA"}}, "mode"),
        ({"scaling": {"stages": ["decoder"]}}, "stages"),
        ({"scaling": {"keda": {"targetAge": 3}}}, "targetAge"),
        ({"feeds": {"bluesky": {"args": []}}}, "kind"),
        ({"feeds": {"bluesky": {"kind": "jetstreams"}}}, "kind"),
        ({"feeds": {"Blue sky": {"kind": "jetstream"}}}, "Blue sky"),
        ({"networkPolicy": {"kafka": {"port": [1]}}}, "port"),
        ({"metrics": {"serviceMonitor": {}}}, "serviceMonitor"),
        ({"strimzi": {"authentication": "mtls"}}, "authentication"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"monitor": {"enable": True}}, "enable"),
    ],
)
def test_a_typo_is_refused_and_named(typo: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=message):
        render(merged(MINIMAL, typo))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kafka": {"bootstrapServers": ""}}, "kafka.bootstrapServers: name the brokers"),
        ({"termKey": {"existingSecret": ""}}, "termKey.existingSecret: name the Secret"),
        ({"sealing": {"existingSecret": ""}}, "sealing.existingSecret: name the Secret"),
        ({"kafka": {"securityProtocol": "SASL_SSL"}}, "kafka.sasl.existingSecret: name the Secret"),
        ({"strimzi": {"enabled": True}}, "strimzi.cluster: name the Kafka object"),
        ({"feeds": {"push": {"kind": "http"}}}, "feeds.push.tokenSecret: name the Secret"),
        (
            {"feeds": {"sky": {"kind": "jetstream", "platformsSecret": "p"}}},
            "feeds.sky.platformsSecret: platforms read",
        ),
        ({"scaling": {"mode": "keda"}}, "scaling.keda.prometheusUrl: name the URL"),
        ({"stages": {"match": {"replicas": 65}}}, "stages.match.replicas 65: descriptors has 64 partitions"),
        ({"settings": {"ocr": True}}, "stages.screen and settings.ocr go together"),
        ({"stages": {"screen": {}}}, "stages.screen and settings.ocr go together"),
        ({"strimzi": STRIMZI_TLS}, "tls does not go with kafka.securityProtocol PLAINTEXT"),
        (
            {"strimzi": STRIMZI_TLS | {"namespace": "kafka"}, "kafka": {"securityProtocol": "SSL"}},
            "Secrets into kafka, where these pods cannot read them",
        ),
    ],
)
def test_a_missing_or_contradictory_value_is_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmRenderError, match=message):
        render(merged(MINIMAL, changes))


@pytest.mark.parametrize("case", CASES)
def test_the_settings_accept_the_environment(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pod in pods(rendered(case)).values():
        ours = {name: value for name, value in environment(pod).items() if name.startswith("JIKIMI_")}
        assert set(ours) <= NAMES
        with monkeypatch.context() as patched:
            for name, value in ours.items():
                patched.setenv(name, value if isinstance(value, str) else "of a secret, long enough")
            load_settings()


def test_numbers_lists_and_nested_settings_are_passed_correctly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(pods(rendered("default"))["guard-jikimi-decode"]).items():
        monkeypatch.setenv(name, value if isinstance(value, str) else "secret")
    settings = load_settings()
    assert (settings.topic_prefix, settings.fusion_deadline_s) == ("prod.", 60)
    assert settings.media.max_bytes == 2 * 1024**3
    assert settings.media.s3_buckets == ("posts", "posts-eu")


def test_the_screen_stage_runs_where_setting_and_image_are_given() -> None:
    found = pods(render(merged(MINIMAL, {"settings": {"ocr": True}, "stages": {"screen": {"image": {"tag": "ocr"}}}})))
    own = found["guard-jikimi-screen"]["containers"][0]
    assert (own["args"], own["image"].rpartition(":")[2]) == (["worker", "screen"], "ocr")
    enabled = {name for name, pod in found.items() if environment(pod).get("JIKIMI_OCR") == "true"}
    assert {"guard-jikimi-screen", "guard-jikimi-decode"} <= enabled
    assert "guard-jikimi-screen" not in pods(render(MINIMAL))


def test_a_setting_of_one_stage_does_not_reach_others() -> None:
    objects = render(merged(MINIMAL, {"stages": {"visual": {"settings": {"window": 3}}}}))
    windows = {name: environment(pod).get("JIKIMI_WINDOW") for name, pod in pods(objects).items()}
    assert {name: window for name, window in windows.items() if window} == {"guard-jikimi-visual": "3"}


def test_every_setting_is_a_value_or_set_by_the_chart() -> None:
    schema = chart().schema or {}
    given = set(schema["$defs"]["settings"]["properties"])
    secrets = {name for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
    assert secrets >= {"sasl_password", "term_key", "schema_registry_auth"}
    assert set(Settings.model_fields) - given == SET_BY_THE_CHART | secrets
    assert not given & SET_BY_THE_CHART
    assert "token" not in schema["$defs"]["settings"]["properties"]["http"]["properties"]


@pytest.mark.parametrize("case", CASES)
def test_every_stage_has_its_workers(case: str) -> None:
    objects = rendered(case)
    lasting = [found for found in objects if found["kind"] != "Job"]
    running = {tuple(pod["containers"][0]["args"]) for pod in pods(lasting).values()}
    assert {("worker", stage) for stage in STAGES} <= running


def test_zero_and_false_are_not_replaced_by_defaults() -> None:
    objects = render(merged(MINIMAL, {"stages": {"takedown": {"replicas": 0}}, "defaults": {"hostUsers": False}}))
    takedown = of_kind(objects, "Deployment")["guard-jikimi-takedown"]["spec"]
    assert takedown["replicas"] == 0
    assert takedown["template"]["spec"]["hostUsers"] is False


@pytest.mark.parametrize("case", CASES)
def test_a_worker_is_killed_only_after_its_drain_time(case: str) -> None:
    for pod in pods(rendered(case)).values():
        drain_s = float(environment(pod)["JIKIMI_DRAIN_S"])
        assert pod["terminationGracePeriodSeconds"] > drain_s + STOP_S


@pytest.mark.parametrize("mode", ["keda", "hpa"])
def test_a_stage_scales_up_to_the_partitions_of_its_topic(mode: str) -> None:
    scaling = {"mode": mode, "keda": {"prometheusUrl": "http://prometheus:9090"}}
    objects = render(merged(MINIMAL, {"scaling": scaling, "topics": {"partitions": {"frames": 24}}}))
    scalers = of_kind(objects, "ScaledObject", "HorizontalPodAutoscaler")
    for stage in ("decode", "visual", "audio", "text", "match", "fusion"):
        spec = scalers[f"guard-jikimi-{stage}"]["spec"]
        partitions = 24 if stage == "visual" else 64
        assert spec.get("maxReplicaCount", spec.get("maxReplicas")) == partitions
        scaled = of_kind(objects, spec["scaleTargetRef"]["kind"])[spec["scaleTargetRef"]["name"]]
        assert "replicas" not in scaled["spec"]
    assert of_kind(objects, "Deployment")["guard-jikimi-takedown"]["spec"]["replicas"] == 1


def test_match_keeps_its_archive_over_restarts() -> None:
    (match,) = of_kind(rendered("default"), "StatefulSet").values()
    (claim,) = match["spec"]["volumeClaimTemplates"]
    pod = match["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]] == environment(pod)["JIKIMI_ARCHIVE_DIR"]


def test_topics_are_created_before_the_workloads_unless_strimzi_creates_them() -> None:
    (job,) = of_kind(rendered("default"), "Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    args = pod["containers"][0]["args"]
    assert args[:4] == ["topics", "create", "--replication", "3"]
    assert dict(each.split("=") for each in args[5::2]) == dict.fromkeys(_SHARED, "64") | {"posts": "32"}
    # The chart's own account does not exist yet.
    assert pod["serviceAccountName"] == "default"
    assert of_kind(rendered("strimzi"), "Job") == {}


def test_only_the_describing_stages_hold_the_term_key() -> None:
    holders = {name for name, pod in pods(rendered("default")).items() if "JIKIMI_TERM_KEY" in environment(pod)}
    assert holders == {f"guard-jikimi-{stage}" for stage in ("text", "visual", "audio")}
