"""Which settings a values file may give, from the settings class itself, so that a misspelt one is refused."""

from typing import Any

from pydantic_settings import BaseSettings

from streams.settings import Settings

SET_BY_THE_CHART = {
    "bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_username", "sasl_password", "ca_file",
    "certificate_file", "key_file", "term_key", "archive_dir", "metrics_port", "ready_file",
}  # fmt: skip
"""From values of their own, from Secrets, or fixed."""


def settings_schemas() -> dict[str, Any]:
    """Return the JSON schema of a map of settings; those of a nested class stand in a map of their own.

    Raises
    ------
    ValueError
        A nested class reads its settings under another prefix than its field's name.
    """
    return _schema(Settings, "JIKIMI_")


def _schema(settings: type[BaseSettings], prefix: str) -> dict[str, Any]:
    if settings.model_config.get("env_prefix") != prefix:
        raise ValueError(f"{settings.__name__} reads its settings under another prefix than {prefix}")
    drawn = settings.model_json_schema(by_alias=False)["properties"]
    properties = {
        name: _schema(field.annotation, f"{prefix}{name.upper()}_")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
        else _bare(drawn[name])
        for name, field in settings.model_fields.items()
        if name not in SET_BY_THE_CHART
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what constrains a value, without the words about it; null in a values file leaves the default."""
    kept = {key: value for key, value in schema.items() if key not in {"title", "default", "format", "description"}}
    if (choices := kept.pop("anyOf", None)) is not None:
        (kept,) = (_bare(choice) for choice in choices if choice != {"type": "null"})
    if isinstance(kept.get("items"), dict):
        kept["items"] = _bare(kept["items"])
    return kept
