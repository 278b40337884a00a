"""Settings of the messages to case officers about hits."""

from typing import Annotated

from pydantic import Field, PositiveFloat, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class HookSettings(BaseSettings):
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
