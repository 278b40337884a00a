"""Settings whose secrets may lie in files: where JIKIMI_X is a secret, JIKIMI_X_FILE names a file that holds it."""

import os
import re
from pathlib import Path
from typing import Any, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from streams.errors import UsageError
from streams.secrets.redaction import hide

_MAX_BYTES = 64 * 1024
_FOREIGN = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
"""Secrets that libraries read from the environment by themselves."""
_CREDENTIALS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")


class SecretSettings(BaseSettings):
    """Base of all settings: secrets also from files, masked in logs and dead letters, and none within an address."""

    # An invalid setting's error would print its value, and those of the settings beside it.
    model_config = SettingsConfigDict(hide_input_in_errors=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - unused, as are the next two
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in order of precedence: arguments, environment, files that the environment names."""
        return init_settings, _Environment(settings_cls), _SecretFiles(settings_cls)

    @field_validator("*")
    @classmethod
    def _is_no_login(cls, value: object) -> object:
        if isinstance(value, str) and has_credentials(value):
            raise ValueError("an address is shown and logged: give user and password by the settings for them")
        return value

    @model_validator(mode="after")
    def _hide(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            found = value.values() if isinstance(value, dict) else [value]
            hide(*(one.get_secret_value() for one in found if isinstance(one, SecretStr)))
        return self


def has_credentials(address: str) -> bool:
    """Return whether a URL holds a user name or a password."""
    return _CREDENTIALS.match(address) is not None


def secret_from_environment(name: str) -> str:
    """Return the secret in a variable, or in the file that the variable with _FILE appended names; "" for neither.

    Raises
    ------
    UsageError
        Both are set, or the file cannot be read.
    """
    given, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if given and file:
        raise UsageError(f"{name} and {name}_FILE are both set: remove one")
    return read_secret(Path(file), f"{name}_FILE") if file else given


def read_secret(file: Path, name: str) -> str:
    """Return a secret from its file, without white space around it.

    Parameters
    ----------
    name
        Of the setting or the secret, for the error.

    Raises
    ------
    UsageError
        It cannot be read, is empty, no text or too large; the message has no part of it.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
        found = content.decode().strip() if len(content) <= _MAX_BYTES else ""
    except (OSError, ValueError) as error:  # no UTF-8, or a zero byte in the name
        raise UsageError(f"the secret {name} cannot be read: {type(error).__name__}") from None
    if not found:
        raise UsageError(f"the secret {name} is empty, or larger than {_MAX_BYTES} bytes")
    hide(found)
    return found


def hide_foreign_secrets() -> None:
    """Mask the secrets in the environment that only libraries read."""
    hide(*(os.environ.get(name, "") for name in _FOREIGN))
    for name in _PROXIES:
        try:
            hide(urlsplit(os.environ.get(name, "")).password or "")
        except ValueError:
            continue  # no address


class _Environment(EnvSettingsSource):
    """Source of lists also as a,b, and of maps as name=value,name=value; maps of secrets are JSON alone."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - the base's
        """Return the list or map of a variable; raises UsageError, with the variable's name, for what is neither."""
        try:
            return self._decoded(field_name, field, str(value).strip())
        except ValueError:  # the error of JSON would print the value, which may be a secret
            name = f"{self.config['env_prefix']}{field_name.upper()}"
            raise UsageError(f"setting {name}: a list is a,b or JSON, a map name=value,name=value or JSON") from None

    def _decoded(self, field_name: str, field: FieldInfo, text: str) -> Any:  # noqa: ANN401 - the base's
        kind = get_origin(field.annotation)
        if kind in {tuple, list} and not text.startswith("["):
            return [item.strip() for item in text.split(",") if item.strip()]
        if kind is dict and SecretStr not in get_args(field.annotation) and not text.startswith("{"):
            pairs = [item.partition("=") for item in text.split(",") if item.strip()]
            if not all(equals for _, equals, _ in pairs):
                raise ValueError("a map is name=value,name=value")
            return {name.strip(): given.strip() for name, _, given in pairs}
        return super().decode_complex_value(field_name, field, text)


class _SecretFiles(PydanticBaseSettingsSource):
    """Source of the fields of type SecretStr: the files that JIKIMI_…_FILE name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret, None if no file is named, as the base class requires."""
        if field.annotation is not SecretStr:
            return None, field_name, False
        name = f"{self.config['env_prefix']}{field_name.upper()}"
        return secret_from_environment(name) if os.environ.get(f"{name}_FILE") else None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets of all files."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}
