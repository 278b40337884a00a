"""Every ci values file renders to objects that Kubernetes and the operators accept, under the restricted standard."""

import json
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest

from ops.chart.render import CASES, NAMESPACE, values_of
from ops.chart.written import CHART
from tests.unit.helm.made import containers, environment, of_kind, pod_labels, pods, rendered

_CRDS = Path(__file__).parent / "crds"
_OLDEST, _NEWEST = "1.27", "1.37"


def schema_of(kind: str) -> dict[str, Any] | None:
    file = _CRDS / f"{kind}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else None


@pytest.mark.parametrize("case", CASES)
def test_helm_lint_accepts_a_values_file(case: str) -> None:
    report = helm_python.lint(CHART, values_of(case), strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("case", CASES)
def test_every_object_fits_its_schema(case: str) -> None:
    objects = rendered(case)
    assert len(objects) >= 8
    for found in objects:
        if (schema := schema_of(found["kind"])) is not None:
            jsonschema.validate(found, schema)
        else:
            for version in (_OLDEST, _NEWEST):
                kubernetes_validate.validate(found, version, strict=True)


def test_an_unknown_field_is_refused_in_each_kind_of_custom_resource() -> None:
    objects = [found for case in CASES for found in rendered(case) if schema_of(found["kind"])]
    kinds = {found["kind"]: found for found in objects}
    assert set(kinds) == {file.stem for file in _CRDS.glob("*.json")}
    for kind, found in kinds.items():
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found | {"spec": found["spec"] | {"nonsense": 1}}, schema_of(kind) or {})


@pytest.mark.parametrize("case", CASES)
def test_names_are_unique_and_short_enough_for_a_label(case: str) -> None:
    names = [(found["kind"], found["metadata"]["name"]) for found in rendered(case)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_meets_the_restricted_standard(case: str) -> None:
    for pod in pods(rendered(case)).values():
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
        volumes = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
        assert volumes <= {"emptyDir", "projected", "secret", "configMap", "persistentVolumeClaim"}
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("case", CASES)
def test_a_mount_has_its_volume(case: str) -> None:
    objects = rendered(case)
    claims = {
        name: [claim["metadata"]["name"] for claim in found["spec"].get("volumeClaimTemplates", [])]
        for name, found in of_kind(objects, "StatefulSet").items()
    }
    for name, pod in pods(objects).items():
        volumes = [volume["name"] for volume in pod["volumes"]] + claims.get(name, [])
        assert len(volumes) == len(set(volumes))
        for container in containers(pod):
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths))


@pytest.mark.parametrize("case", CASES)
def test_a_secret_s_files_are_read_by_the_pod_s_own_user_and_group_only(case: str) -> None:
    for pod in pods(rendered(case)).values():
        mounted = [volume.get("secret") or volume.get("projected") for volume in pod["volumes"]]
        assert all(volume["defaultMode"] == 0o440 for volume in mounted if volume is not None)


@pytest.mark.parametrize("case", CASES)
def test_a_selector_finds_pods(case: str) -> None:
    objects = rendered(case)
    templates = pod_labels(objects)

    def finds(selector: dict[str, str]) -> bool:
        return any(selector.items() <= labels.items() for labels in templates)

    for found in of_kind(objects, "Deployment", "StatefulSet").values():
        labels = found["spec"]["template"]["metadata"]["labels"]
        wanted = found["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= labels.items()
        assert sum(wanted.items() <= others.items() for others in templates) == 1
    assert all(finds(found["spec"]["selector"]) for found in of_kind(objects, "Service").values())
    for found in of_kind(objects, "PodDisruptionBudget", "PodMonitor").values():
        assert finds(found["spec"]["selector"]["matchLabels"])
    for found in of_kind(objects, "NetworkPolicy").values():
        assert finds(found["spec"]["podSelector"]["matchLabels"])


@pytest.mark.parametrize("case", CASES)
def test_objects_are_in_the_release_s_namespace(case: str) -> None:
    assert {found["metadata"].get("namespace", NAMESPACE) for found in rendered(case)} == {NAMESPACE}


@pytest.mark.parametrize("case", CASES)
def test_the_sealing_keys_are_mounted_where_media_are_sealed_or_unsealed_and_nowhere_else(case: str) -> None:
    for name, pod in pods(rendered(case)).items():
        component = name.rpartition("-")[2]
        needs_keys = component in {"decode", "visual", "audio", "screen", "match", "shadow"}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert ("sealing" in volumes) is needs_keys
        assert environment(pod).get("JIKIMI_SEALING_CREATE") == ("false" if needs_keys else None)
        if needs_keys:
            assert volumes["sealing"]["secret"] == {"secretName": "jikimi-sealing-keys", "defaultMode": 0o440}
            mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
            file = environment(pod)["JIKIMI_SEALING_KEY_FILE"]
            assert file.rpartition("/")[0] == mounts["sealing"]
