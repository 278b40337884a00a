"""Settings of the HTTP feed: token, limits and timeouts."""

from pydantic import PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings


class HttpSettings(SecretSettings):
    """Every field can be set as JIKIMI_HTTP_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_HTTP_", frozen=True)

    token: SecretStr = SecretStr("")
    """Clients send it as `Authorization: Bearer …`; required where other machines can connect."""
    max_body_bytes: PositiveInt = 8 * 1024 * 1024
    """Largest size of a request."""
    max_records: PositiveInt = 500
    """Largest number of posts or removals in one request."""
    max_waiting: PositiveInt = 2_000
    """Records that wait for the broker; further requests are answered 429."""
    patience_s: PositiveFloat = 20.0
    """Longest wait of a request for the broker."""
    key_memory_s: PositiveFloat = 86_400.0
    """Retention of an idempotency key."""
