"""Settings allowed in a values file, from the settings class itself, so that a misspelt one is refused."""

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from streams.settings import Settings

SET_BY_THE_CHART = {
    "bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_username", "ca_file", "certificate_file",
    "key_file", "archive_dir", "metrics_port", "ready_file",
}  # fmt: skip
"""Settings with chart values of their own, or fixed; so are all secrets."""
_FROM_A_SECRET = {
    "JIKIMI_DELIVERY_PLATFORMS",
    "JIKIMI_DELIVERY_SECRETS_FOLDER",
    "JIKIMI_DELIVERY_SECRETS",
    "JIKIMI_AUDIT_SIGNING_KEY_FILE",
    "JIKIMI_AUDIT_TRUSTED_KEYS",
    "JIKIMI_SEALING_KEY_FILE",
    "JIKIMI_SEALING_CREATE",
}
"""Settings of nested classes, likewise."""


def settings_schemas() -> dict[str, Any]:
    """Return the JSON schema of a map of settings; settings of a nested class are in a nested map.

    Raises
    ------
    ValueError
        If a nested class reads its settings with another prefix than its field's name.
    """
    return _schema(Settings, "JIKIMI_")


def names(settings: type[BaseSettings], prefix: str = "JIKIMI_") -> Iterator[tuple[str, str]]:
    """Yield prefix and name of every setting, including nested classes."""
    for name, field in settings.model_fields.items():
        if (nested := _nested(field)) is not None:
            yield from names(nested, f"{prefix}{name.upper()}_")
        else:
            yield prefix, name


def _schema(settings: type[BaseSettings], prefix: str) -> dict[str, Any]:
    if settings.model_config.get("env_prefix") != prefix:
        raise ValueError(f"{settings.__name__} reads its settings with another prefix than {prefix}")
    drawn = settings.model_json_schema(by_alias=False)["properties"]
    properties = {
        name: _bare(drawn[name]) if (nested := _nested(field)) is None else _schema(nested, f"{prefix}{name.upper()}_")
        for name, field in settings.model_fields.items()
        if name not in SET_BY_THE_CHART
        and f"{prefix}{name.upper()}" not in _FROM_A_SECRET
        and field.annotation is not SecretStr
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _nested(field: FieldInfo) -> type[BaseSettings] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseSettings) else None


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the constraints of a value, without descriptions; null in a values file keeps the default."""
    kept = {key: value for key, value in schema.items() if key not in {"title", "default", "format", "description"}}
    if (choices := kept.pop("anyOf", None)) is not None:
        (kept,) = (_bare(choice) for choice in choices if choice != {"type": "null"})
    if isinstance(kept.get("items"), dict):
        kept["items"] = _bare(kept["items"])
    return kept
