"""Settings of the delivery of takedowns, and of the body that files its notices."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from schemas.messages import FilerRole
from streams.secrets.settings import SecretSettings


class DeliverySettings(SecretSettings):
    """How notices are sent; every field can be set as JIKIMI_DELIVERY_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_DELIVERY_", frozen=True)

    send: bool = False
    """Send notices. False is a dry run: notices are written and shown, and nothing leaves the machine."""
    platforms: Path | None = None
    """YAML file of platforms, which replaces streams/delivery/platforms/platforms.yaml."""
    secrets_folder: Path | None = None
    """Folder with one file for each secret that the platforms' file names, as Kubernetes mounts them."""
    secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Secrets by name, for those without a file there."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, host:port or CIDRs of platforms that may resolve to private addresses."""
    plc_directory: str = Field(default="https://plc.directory", pattern=r"^https?://\S+$")
    """Server that resolves the did:plc of Bluesky's accounts, for looks at their posts."""
    timeout_s: PositiveFloat = 20.0
    """Longest wait for an answer of a platform."""
    concurrency: PositiveInt = 16
    """Notices and looks under way at once."""
    smtp_host: str = ""
    """Server for notices by mail; without one, mail channels are passed over."""
    smtp_port: PositiveInt = 587
    """Its port."""
    smtp_tls: bool = True
    """Whether to encrypt the connection by STARTTLS, or from the start on port 465."""
    smtp_username: str = ""
    """User at the mail server; none by default."""
    smtp_password: SecretStr = SecretStr("")
    """Its password."""
    mail_from: str = ""
    """Sender of notices by mail; bounces go to its mailbox with the takedown's id in the address."""
    bounce_key: SecretStr = SecretStr("")
    """Signs the ids in those addresses, so that nobody can make up a bounce; unsigned by default."""
    languages: tuple[str, ...] = Field(default=("en",), min_length=1)
    """Languages of notices in order of preference, where a platform's entry names none."""


class FilerSettings(SecretSettings):
    """Who files notices; every field can be set as JIKIMI_FILER_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_FILER_", frozen=True)

    body: str = ""
    """Name of the centre, or of the person who files."""
    role: FilerRole = "agent"
    """Role: agent, designated_body, trusted_flagger or victim."""
    email: str = ""
    """E-mail for answers."""
    phone: str = ""
    """Telephone."""
    address: str = ""
    """Postal address."""
    authority: str = ""
    """Reference of the designation."""
    signed_by: str = ""
    """Name that signs; the body's by default."""
