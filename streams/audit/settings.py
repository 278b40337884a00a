"""Settings of the audit trail: the key that signs, and the keys that are trusted."""

import os
from pathlib import Path

from pydantic import AliasChoices, Field, PositiveFloat
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings


class AuditSettings(SecretSettings):
    """Keys of the audit trail; every field can be set as JIKIMI_AUDIT_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_AUDIT_", frozen=True)

    signing_key_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "signing_key_file", "JIKIMI_AUDIT_SIGNING_KEY_FILE", "JIKIMI_DELIVERY_SIGNING_KEY_FILE"
        ),
    )
    """Ed25519 key that signs events, acts of persons and evidence packs, PEM; created at its first use. A file in the
    user's data folder by default."""
    trusted_keys: Path | None = None
    """Public keys whose signatures are trusted, PEM: a file, or a folder of files; the own key alone by default."""

    allow_unsigned: bool = False
    """Act on unsigned events of takedowns also after the first signed one: only while a system is upgraded to a version
    that signs."""

    checkpoint_s: PositiveFloat = 60.0
    """Interval between checkpoints, while records are written."""

    @property
    def key_file(self) -> Path:
        """File of the signing key."""
        return self.signing_key_file or data_folder() / "audit" / "signing-key.pem"


def data_folder() -> Path:
    """Return the user's folder of data."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "jikimi"
