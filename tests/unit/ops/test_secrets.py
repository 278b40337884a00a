"""No secret is a value, an argument or part of a ConfigMap in the chart, nor written out in the compose file."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from ops.chart.render import CASES
from streams.settings import Settings
from tests.unit.helm.made import containers, of_kind, pods, rendered

COMPOSE = Path(__file__).parents[3] / "ops" / "compose" / "compose.yaml"
OF_LIBRARIES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GF_SECURITY_ADMIN_PASSWORD", "JIKIMI_DELIVERY_SECRETS"}


def secret_variables(settings: type[BaseSettings] = Settings) -> set[str]:
    """Return the environment variables of all secret settings."""
    found = set()
    for name, field in settings.model_fields.items():
        if field.annotation is SecretStr:
            found.add(f"{settings.model_config['env_prefix']}{name.upper()}")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            found |= secret_variables(field.annotation)
    return found


SECRETS = secret_variables() | OF_LIBRARIES


@pytest.mark.parametrize("case", CASES)
def test_the_chart_takes_secrets_only_from_secrets(case: str) -> None:
    objects = rendered(case)
    assert not of_kind(objects, "Secret")
    n_found = 0
    for pod in pods(objects).values():
        for container in containers(pod):
            for entry in container.get("env", []):
                if entry["name"] in SECRETS:
                    n_found += 1
                    assert "secretKeyRef" in entry["valueFrom"], entry["name"]
            assert not mentioned([container.get("args", []), container.get("command", [])])
    assert n_found  # the key of the terms, at least
    assert not mentioned(list(of_kind(objects, "ConfigMap").values()))


def mentioned(part: Any) -> set[str]:
    """Return the secret variables that this part of an object names."""
    return set(re.findall(r"[A-Z][A-Z0-9_]+", json.dumps(part))) & SECRETS


def test_the_compose_file_takes_secrets_from_variables() -> None:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    found = {
        (name, key): value
        for name, service in services.items()
        for key, value in service.get("environment", {}).items()
        if key in SECRETS
    }
    assert {("text", "JIKIMI_TERM_KEY"), ("decode", "AWS_SECRET_ACCESS_KEY")} <= set(found)
    assert all(re.fullmatch(r"\$\{\w+:\?fill in \.env\}", value) for value in found.values())
    assert not any("${" in word for service in services.values() for word in service.get("command", []))
