"""The compose file is valid, runs existing commands, and grants each service the least privileges."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ops.chart.settings import names
from streams.settings import Settings, load_settings
from streams.topology import STAGES
from tests.support.commands import parse

HERE = Path(__file__).parents[3] / "ops" / "compose"
FILE: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("jikimi:")}
VARIABLE = re.compile(r"\$\{(\w+)")


def test_it_is_a_compose_file() -> None:
    # The package with the schema requires another click, so it is not imported.
    package = Path(getattr(find_spec("check_jsonschema"), "origin", "")).parent
    schema = json.loads((package / "builtin_schemas" / "vendor" / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(FILE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(FILE | {"services": {"decode": SERVICES["decode"] | {"comand": []}}}, schema)


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_an_existing_command(name: str) -> None:
    parse(OURS[name]["command"])


def test_every_stage_runs() -> None:
    for stage in STAGES:
        assert SERVICES[stage]["command"] == ["worker", stage]


@pytest.mark.parametrize("name", OURS)
def test_the_settings_accept_its_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {f"{prefix}{setting.upper()}" for prefix, setting in names(Settings)}
    given = {key: value for key, value in OURS[name]["environment"].items() if key.startswith("JIKIMI_")}
    assert set(given) <= declared
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    load_settings()


def test_no_service_is_root_or_may_become_root() -> None:
    for name, service in SERVICES.items():
        if name in OURS:  # the image sets the user
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert service["read_only"] is True
        else:
            assert service["user"].partition(":")[0] not in {"", "0", "root"}


def test_only_what_follows_links_or_sends_notices_reaches_the_outside_network() -> None:
    assert FILE["networks"]["inside"] == {"internal": True}
    leaving = {name for name, service in SERVICES.items() if set(service["networks"]) - {"inside", "front"}}
    assert leaving == {"decode", "delivery"}
    assert {name for name, service in OURS.items() if "front" in service["networks"]} == set()


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_secret_is_required_and_has_no_default() -> None:
    text = (HERE / "compose.yaml").read_text("utf-8")
    lines = (HERE / ".env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=") for line in lines if "=" in line)
    assert set(VARIABLE.findall(text)) == set(example)
    assert not any(example.values())
    assert len(re.findall(r"\$\{\w+:\?", text)) == len(VARIABLE.findall(text))


def test_long_running_services_have_health_checks_and_their_dependants_wait() -> None:
    for name, service in SERVICES.items():
        lasting = service.get("restart") == "unless-stopped"
        assert lasting or name in {"topics", "desk"}
        assert name in {"topics", "desk", "monitor", "feed"} or "healthcheck" in service
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_completed_successfully" or "healthcheck" in SERVICES[other]


def test_prometheus_scrapes_all_our_long_running_services() -> None:
    (job,) = yaml.safe_load((HERE / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    (static,) = job["static_configs"]
    port = FILE["x-environment"]["JIKIMI_METRICS_PORT"]
    assert set(static["targets"]) == {f"{name}:{port}" for name in OURS if name not in {"topics", "desk"}}


def test_every_mount_source_exists() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    for source in {mount.partition(":")[0] for mount in mounts} - {"./desk"}:
        assert (HERE / source).exists() if source.startswith(".") else source in FILE["volumes"]
    build = SERVICES["topics"]["build"]
    assert (HERE / build["context"] / build["dockerfile"]).is_file()


def test_all_that_seal_or_unseal_share_the_keys_and_nobody_else_has_them() -> None:
    mount = "sealing:/var/lib/jikimi-sealing"
    sharing = {name for name, service in SERVICES.items() if mount in service.get("volumes", [])}
    assert sharing == {"decode", "visual", "audio", "match", "desk"}
    for name in sharing:
        assert OURS[name]["environment"]["JIKIMI_SEALING_KEY_FILE"] == "/var/lib/jikimi-sealing/keys.json"
