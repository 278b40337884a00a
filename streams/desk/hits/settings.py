"""Settings of the messages to case officers about hits."""

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from streams.secrets.redaction import hide
from streams.secrets.settings import SecretSettings


class HookSettings(SecretSettings):
    """Where `jikimi notify` sends its messages; every field can be set as JIKIMI_HOOK_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_HOOK_", frozen=True)

    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Address that takes signed webhooks (Standard Webhooks); none by default."""
    secret: SecretStr = SecretStr("")
    """Secret of their signature: whsec_ and 24 to 64 bytes in base64."""
    mail_to: str = ""
    """Mailbox of the officers, by the server of JIKIMI_DELIVERY_SMTP_…; none by default."""
    interval_s: PositiveFloat = 60.0
    """Shortest time between two messages of a case; the hits in between are counted in the next one."""

    @model_validator(mode="after")
    def _hide_address(self) -> Self:
        hide(self.url)  # whoever knows the address of a chat's webhook can write there
        return self
