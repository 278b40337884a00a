"""Where the sealing keys are and how they are used."""

from pathlib import Path

from pydantic import Field, NonNegativeFloat
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings


class SealingSettings(SecretSettings):
    """Settings of the sealing of media; every field can be set as JIKIMI_SEALING_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_SEALING_", frozen=True)

    key_file: Path | None = None
    """File of the sealing keys, the same for all workers and the desk; keys.json in the user's data folder by
    default."""
    create: bool = True
    """Create the file at its first use if it does not exist. False where several machines share it: a file created on
    one of them would seal media that the others cannot read."""
    kms_uri: str | None = Field(default=None, pattern=r"^((aws-kms|gcp-kms|hcvault)://\S+)?$")
    """Master key of a key management service under which the file is encrypted: aws-kms://arn…, gcp-kms://projects/…
    or hcvault://transit/keys/…; none by default. Needs the extra "kms"."""
    key_delay_s: NonNegativeFloat = 600.0
    """Time from the creation of a further key to its first use, in which every machine gets the new file."""
    accept_plain: bool = False
    """Accept frames and sounds that are not sealed, of a version before sealing. Only during that upgrade: whoever can
    write to the topics could otherwise pass pictures of their own for a post's."""
