import os
from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of the developer's shell."""
    for name in list(os.environ):
        if name.startswith(("JIKIMI_", "KAFKA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert (settings.bootstrap_servers, settings.act, settings.review) == ("127.0.0.1:9092", 0.95, 0.5)
    assert settings.schema_registry_url is None


@pytest.mark.parametrize("name", ["JIKIMI_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"])
def test_the_broker_is_read_from_both_variables(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "kafka-0:9092,kafka-1:9092")
    assert load_settings().bootstrap_servers == "kafka-0:9092,kafka-1:9092"


def test_our_own_variable_for_the_broker_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "other:1")
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", "ours:2")
    assert load_settings().bootstrap_servers == "ours:2"


def test_an_argument_takes_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_WINDOW", "3")
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", "theirs:1")
    settings = load_settings(window=5, bootstrap_servers="ours:2")
    assert (settings.window, settings.bootstrap_servers) == (5, "ours:2")


def test_a_media_setting_is_read_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKIMI_MEDIA_SEGMENT_S", "7")
    monkeypatch.setenv("JIKIMI_MEDIA_ALLOWED_HOSTS", '["10.0.0.0/8"]')
    media = load_settings().media
    assert (media.segment_s, media.allowed_hosts) == (7.0, ("10.0.0.0/8",))


@pytest.mark.parametrize("text", ["officer,reviewer", " officer , reviewer,", '["officer", "reviewer"]'])
def test_a_list_needs_no_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JIKIMI_ROLES", text)
    assert load_settings().roles == ("officer", "reviewer")


@pytest.mark.parametrize("text", ["a-group=officer, b=auditor", '{"a-group": "officer", "b": "auditor"}'])
def test_a_map_needs_no_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JIKIMI_OIDC_ROLES", text)
    assert load_settings().oidc.roles == {"a-group": "officer", "b": "auditor"}


def test_an_empty_list_is_empty_and_a_map_without_names_or_of_secrets_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JIKIMI_MEDIA_ALLOWED_HOSTS", "")
    assert load_settings().media.allowed_hosts == ()
    for name, text in [("JIKIMI_OIDC_ROLES", "officer"), ("JIKIMI_DELIVERY_SECRETS", "name=se,cret")]:
        monkeypatch.setenv(name, text)
        with pytest.raises(UsageError, match=f"{name}: a list is a,b or JSON") as refused:
            load_settings()
        assert "se,cret" not in str(refused.value)
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JIKIMI_WINDOW", "none", "setting JIKIMI_WINDOW: "),
        ("JIKIMI_WINDOW", "0", "setting JIKIMI_WINDOW: "),
        ("JIKIMI_ROLES", "nobody", "setting JIKIMI_ROLES: "),
        ("JIKIMI_ACT", "1.5", "setting JIKIMI_ACT: "),
        ("JIKIMI_ACT", "nan", "setting JIKIMI_ACT: "),
        ("JIKIMI_REVIEW", "0.99", "JIKIMI_REVIEW 0.99 is above JIKIMI_ACT 0.95"),
        ("JIKIMI_TOPIC_PREFIX", "a/b", "setting JIKIMI_TOPIC_PREFIX: "),
        ("JIKIMI_GROUP_PREFIX", "", "setting JIKIMI_GROUP_PREFIX: "),
        ("JIKIMI_BOOTSTRAP_SERVERS", "", "setting JIKIMI_BOOTSTRAP_SERVERS: "),
        ("JIKIMI_BOOTSTRAP_SERVERS", "kafka", "setting JIKIMI_BOOTSTRAP_SERVERS: "),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:port", "BOOTSTRAP_SERVERS: "),
        ("JIKIMI_SCHEMA_REGISTRY_URL", "registry", "setting JIKIMI_SCHEMA_REGISTRY_URL: "),
        ("JIKIMI_TIME_ZONE", "Asia/Gotham", "setting JIKIMI_TIME_ZONE: no time zone 'Asia/Gotham'"),
        ("JIKIMI_TIME_ZONE", "../etc", "setting JIKIMI_TIME_ZONE: no time zone"),
        ("JIKIMI_DELIVERY_LANGUAGES", "", "setting JIKIMI_DELIVERY_LANGUAGES: "),
        ("JIKIMI_METRICS_PORT", "70000", "setting JIKIMI_METRICS_PORT: "),
        ("JIKIMI_MEDIA_MAX_BYTES", "-1", "setting JIKIMI_MEDIA_MAX_BYTES: "),
        ("JIKIMI_MEDIA", '{"max_bytes": -1}', "setting JIKIMI_MEDIA_MAX_BYTES: "),
        ("JIKIMI_MEDIA", "[", "setting JIKIMI_MEDIA: "),
        ("JIKIMI_MEDIA_ALLOWED_HOSTS", "[10.0.0.0/8", "setting JIKIMI_MEDIA_ALLOWED_HOSTS: "),
        (
            "JIKIMI_OIDC_ROLES",
            "Centre-Leads=lead",
            "setting JIKIMI_OIDC_ROLES, 'Centre-Leads': Input",
        ),
        ("JIKIMI_OIDC_ROLES", '{"a":', "setting JIKIMI_OIDC_ROLES: "),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused:
        load_settings()
    assert message in str(refused.value)


def test_an_empty_registry_is_no_registry() -> None:
    assert not load_settings(schema_registry_url="").schema_registry_url


@pytest.mark.parametrize("key", ["", "fifteen letters"])
def test_a_term_key_that_can_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="JIKIMI_TERM_KEY"):
        load_settings(term_key=key).required_term_key()


def test_the_term_key_is_never_printed() -> None:
    settings = load_settings(term_key="sixteen letters!")
    assert settings.required_term_key() == b"sixteen letters!"
    assert "sixteen" not in repr(settings)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().window = 3


def test_every_setting_has_a_docstring() -> None:
    source = Path(str(__import__(Settings.__module__, fromlist=["x"]).__file__)).read_text()
    for name in Settings.model_fields:
        after = source.split(f"    {name}: ", 1)[1]
        assert '    """' in after.split("\n\n", 1)[0], name
