"""What the HTTP feed takes, and from whom."""

from pydantic import PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class HttpSettings(BaseSettings):
    """Every field can be set as JIKIMI_HTTP_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_HTTP_", frozen=True)

    token: SecretStr = SecretStr("")
    """What clients show as `Authorization: Bearer …`; needed where others than this machine can connect."""
    max_body_bytes: PositiveInt = 8 * 1024 * 1024
    """Largest request."""
    max_records: PositiveInt = 500
    """Posts or removals in one request."""
    max_waiting: PositiveInt = 2_000
    """Records that wait for the broker; beyond it clients are told to come back."""
    patience_s: PositiveFloat = 20.0
    """How long a request waits for the broker."""
    key_memory_s: PositiveFloat = 86_400.0
    """How long an idempotency key is remembered."""
