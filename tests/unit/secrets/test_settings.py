"""Each secret comes from the environment or from a file, and no error shows one."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from ops.chart.settings import names
from streams.errors import UsageError
from streams.feeds.kafka_topic.source import named_secret
from streams.secrets.redaction import masked
from streams.secrets.settings import SecretSettings, has_credentials
from streams.settings import Settings, load_settings

VALUES = {
    "JIKIMI_SCHEMA_REGISTRY_AUTH": "user:a-password-of-the-registry",
    "JIKIMI_TRACE_HEADERS": "authorization=Bearer%20a-token-of-the-collector",
}
"""Of the secrets that have a form."""
BESIDE = {"JIKIMI_MEDIA_S3_ACCESS_KEY": "JIKIMI_MEDIA_S3_SECRET_KEY",
          "JIKIMI_MEDIA_S3_SECRET_KEY": "JIKIMI_MEDIA_S3_ACCESS_KEY"}  # fmt: skip
"""Secrets that need another one."""


def field(settings: type[BaseSettings], prefix: str, name: str) -> Any:
    """Return the annotation of the setting of this prefix and name."""
    nested = prefix.removeprefix("JIKIMI_").removesuffix("_").lower()
    return (Settings.model_fields[nested].annotation if nested else settings).model_fields[name].annotation  # type: ignore[union-attr]


SECRETS = [(prefix, name) for prefix, name in names(Settings) if field(Settings, prefix, name) is SecretStr]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("JIKIMI_"):
            monkeypatch.delenv(name)


def value_of(settings: Settings, prefix: str, name: str) -> str:
    nested = prefix.removeprefix("JIKIMI_").removesuffix("_").lower()
    found = getattr(getattr(settings, nested) if nested else settings, name)
    assert isinstance(found, SecretStr)
    return found.get_secret_value()


def test_the_secrets_are_found() -> None:
    found = {f"{prefix}{name}".upper() for prefix, name in SECRETS}
    assert found >= {"JIKIMI_SASL_PASSWORD", "JIKIMI_TERM_KEY", "JIKIMI_MASTODON_TOKEN", "JIKIMI_HTTP_TOKEN"}
    assert found >= {"JIKIMI_DELIVERY_SMTP_PASSWORD", "JIKIMI_DELIVERY_BOUNCE_KEY", "JIKIMI_HOOK_SECRET", *VALUES}


@pytest.mark.parametrize(("prefix", "name"), SECRETS)
@pytest.mark.parametrize("from_file", [False, True])
def test_every_secret_is_read_from_the_environment_or_a_file_and_not_shown(
    prefix: str, name: str, *, from_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{prefix}{name.upper()}"
    wanted = VALUES.get(variable, f"the-value-of-{name}")
    if other := BESIDE.get(variable):
        monkeypatch.setenv(other, "another value")
    if from_file:
        (tmp_path / "secret").write_text(f"{wanted}\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    else:
        monkeypatch.setenv(variable, wanted)
    settings = load_settings()
    assert value_of(settings, prefix, name) == wanted
    assert wanted not in repr(settings) + str(settings) + settings.model_dump_json()
    assert masked(f"401: {wanted}!") == "401: [secret]!"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * (64 * 1024 + 1), None])
def test_a_file_without_a_secret_is_one_line_with_its_setting(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("JIKIMI_HTTP_TOKEN_FILE", str(tmp_path / "secret"))
    with pytest.raises(UsageError, match="JIKIMI_HTTP_TOKEN_FILE") as refused:
        load_settings()
    assert "xxx" not in str(refused.value)


def test_a_secret_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_TERM_KEY", "sixteen letters!")
    monkeypatch.setenv("JIKIMI_TERM_KEY_FILE", str(tmp_path))
    with pytest.raises(UsageError, match="JIKIMI_TERM_KEY and JIKIMI_TERM_KEY_FILE are both set"):
        load_settings()


def test_a_file_for_what_is_no_secret_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_WINDOW_FILE", str(tmp_path / "nothing"))
    assert load_settings().window == 16


@pytest.mark.parametrize(
    "variable",
    ["JIKIMI_SCHEMA_REGISTRY_URL", "JIKIMI_TRACE_ENDPOINT", "JIKIMI_HOOK_URL", "JIKIMI_DELIVERY_PLC_DIRECTORY",
     "JIKIMI_MEDIA_S3_ENDPOINT"],
)  # fmt: skip
@pytest.mark.parametrize("login", ["user:a-long-password", "a-long-token", ":a-long-password"])
def test_an_address_with_a_login_is_refused_and_not_shown(
    variable: str, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"https://{login}@registry.example/v7")
    with pytest.raises(UsageError, match=f"setting {variable}: an address is shown and logged") as refused:
        load_settings()
    assert "a-long" not in str(refused.value)


def test_an_at_sign_in_a_path_is_no_login() -> None:
    assert not has_credentials("https://mastodon.example/@centre")
    assert not has_credentials("centre@example.org")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JIKIMI_SCHEMA_REGISTRY_AUTH", "no-colon-in-it"),
        ("JIKIMI_TRACE_HEADERS", "no-equals-sign"),
        ("JIKIMI_MEDIA_S3_SECRET_KEY", "alone-without-the-other"),
        ("JIKIMI_DELIVERY_SECRETS", '{"site": ["a-list-of-secrets"]}'),
        ("JIKIMI_DELIVERY_SECRETS", "not-json-at-all"),
    ],
)
def test_a_malformed_secret_is_refused_and_shown_by_no_error_in_the_chain(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as refused:
        load_settings()
    causes: list[BaseException] = [refused.value]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    assert not any(re.search("no-colon|no-equals|alone|a-list|not-json", str(cause)) for cause in causes)


def test_an_error_of_one_setting_does_not_show_the_others() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"review": 0.99, "term_key": "a key that stays hidden"})
    assert "stays" not in str(refused.value)


def test_headers_of_the_collector() -> None:
    settings = load_settings(trace_headers="Authorization=Bearer%20of-the-collector, x-tenant=seoul")
    assert settings.trace_header_values == {"authorization": "Bearer of-the-collector", "x-tenant": "seoul"}
    assert masked("401 Bearer of-the-collector") == "401 [secret]"


def test_a_secret_that_a_mapping_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_secret(None) == ""
    with pytest.raises(UsageError, match="PLATFORM_PASSWORD"):
        named_secret("PLATFORM_PASSWORD")
    monkeypatch.setenv("PLATFORM_PASSWORD", "of-the-platform-in-clear")
    assert named_secret("PLATFORM_PASSWORD") == "of-the-platform-in-clear"
    assert masked("of-the-platform-in-clear") == "[secret]"
    (tmp_path / "one").write_text("of-the-platform-in-a-file\n")
    monkeypatch.setenv("OTHER_FILE", str(tmp_path / "one"))
    assert named_secret("OTHER") == "of-the-platform-in-a-file"


def test_secrets_of_libraries_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key-of-the-store")
    monkeypatch.setenv("HTTPS_PROXY", "http://us:pass-of-the-proxy@proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://[nothing")
    load_settings()
    assert masked("a-secret-key-of-the-store pass-of-the-proxy") == "[secret] [secret]"


def classes_of_settings() -> Iterator[type[BaseSettings]]:
    root = Path(__file__).parents[3]
    for path in (root / "streams").rglob("settings.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and "BaseSettings" in map(ast.unparse, node.bases):
                module = ".".join(path.relative_to(root).with_suffix("").parts)
                yield getattr(__import__(module, fromlist=[node.name]), node.name)


def test_all_settings_have_the_same_base() -> None:
    assert list(classes_of_settings()) == [SecretSettings]
    for field_ in Settings.model_fields.values():
        if isinstance(field_.annotation, type) and issubclass(field_.annotation, BaseSettings):
            assert issubclass(field_.annotation, SecretSettings)
