"""Settings: read once from JIKIMI_… in the environment, a secret also from JIKIMI_…_FILE; typed, units in the names."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from pydantic import (
    AliasChoices,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from streams.audit.settings import AuditSettings, data_folder
from streams.console.settings import ConsoleSettings
from streams.decode.settings import MediaSettings
from streams.delivery.settings import DeliverySettings, FilerSettings
from streams.desk.hits.settings import HookSettings
from streams.desk.search.settings import SearchSettings
from streams.errors import UsageError
from streams.feeds.http.settings import HttpSettings
from streams.rights.settings import ROLES, OidcSettings, Role
from streams.sealing.settings import SealingSettings
from streams.secrets.redaction import hide
from streams.secrets.settings import SecretSettings, hide_foreign_secrets

_LEAST_KEY_BYTES = 16
_GROUPS = (
    MediaSettings, HttpSettings, DeliverySettings, FilerSettings, HookSettings, AuditSettings, OidcSettings,
    SealingSettings, ConsoleSettings, SearchSettings,
)  # fmt: skip
_PREFIXES = {group.__name__: group.model_config["env_prefix"] for group in _GROUPS}


class Settings(SecretSettings):
    """Settings of workers, the desk and the feeds."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_", frozen=True)

    bootstrap_servers: str = Field(
        "127.0.0.1:9092",
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        validation_alias=AliasChoices("bootstrap_servers", "JIKIMI_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"),
    )
    """Kafka brokers, as host:port[,host:port]."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Encryption and authentication of connections to Kafka."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """SASL mechanism, used with the SASL protocols."""
    sasl_username: str = ""
    """SASL user name of this client."""
    sasl_password: SecretStr = SecretStr("")
    """SASL password of this client."""
    ca_file: Path | None = None
    """Certificate authorities of the broker, PEM; the system's authorities by default."""
    certificate_file: Path | None = None
    """This client's certificate, PEM, if the broker requires one."""
    key_file: Path | None = None
    """Key of this client's certificate, PEM."""

    topic_prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]*$")
    """Prefix of every topic name, so that several systems can share a Kafka."""
    group_prefix: str = Field("jikimi", pattern=r"^[a-zA-Z0-9._-]+$")
    """Prefix of every consumer group."""
    schema_registry_url: str | None = Field(None, pattern=r"^(https?://\S+)?$")
    """URL of a Confluent-compatible registry; without one messages carry their schema's fingerprint."""
    schema_registry_auth: SecretStr = SecretStr("")
    """User and password at the registry, as user:password; none by default."""

    term_key: SecretStr = SecretStr("")
    """Shared by desk and describing stages: terms, and digests of whole media, leave the desk only under this key."""
    mastodon_token: SecretStr = SecretStr("")
    """Access token of a user of the Mastodon server; scope read:statuses."""

    session_timeout_s: PositiveFloat = 30.0
    """Session timeout: how long a worker may send no heartbeat before its partitions are reassigned."""
    commit_interval_s: PositiveFloat = 1.0
    """Interval between commits; a crash repeats the work since the last one."""
    fetch_wait_ms: PositiveInt = 100
    """Longest wait of one fetch; Faust's own 1,500 ms cost hundreds of ms a hop on a quiet topic."""
    window: PositiveInt = 16
    """Maximum number of records in flight per stage."""
    stage_timeout_s: PositiveFloat = 300.0
    """Longest processing time for one output of a stage."""
    delivery_timeout_s: PositiveFloat = 120.0
    """Longest wait of an output for the broker before the worker stops; Faust's 1,200 s hide a failed producer."""
    drain_s: PositiveFloat = 20.0
    """Longest wait of a stopping or rebalancing worker for records in flight; unfinished ones are processed again."""
    max_dead_letters_in_a_row: PositiveInt = 200
    """More than this stops the worker, because a broken deployment must not turn a whole topic into dead letters."""

    fusion_deadline_s: PositiveFloat = 30.0
    """Join window of fusion: how long it waits for the modalities of a post."""
    looks: bool = True
    """Whether fusion has stretches of media decoded again, every frame, where there is perhaps a copy."""
    look_at: float = Field(0.003, ge=0, le=1)
    """Probability from which a case that is not acted on is looked at again; posts without a trace of one are not."""
    fusion_memory_s: PositiveFloat = 86_400.0
    """State retention: how long fusion keeps a closed post, so that late scores can still raise its verdict."""
    act: float = Field(0.95, ge=0, le=1)
    """Default policy: at or above this probability a takedown is issued."""
    review: float = Field(0.5, ge=0, le=1)
    """Default policy: at or above this probability a person decides."""
    quarantine_posts: NonNegativeInt = 200
    """Takedowns an hour by a reference that nobody has confirmed; more are held for a person. 0: no limit."""

    four_eyes: bool = True
    """Whether takedowns of a case are held until a second person has confirmed it; the same for desk and takedown."""

    reuse_hours: NonNegativeFloat = 3.0
    """Age up to which frames, sounds and descriptors are copied for the same file again; frames and sounds are kept for
    6 hours. 0: every file is decoded and described again."""

    archive_dir: Path = Path("var/archive")
    """Folder of match's archive of vectors; rebuilt from the topic if lost. One folder per worker."""
    provider: Literal["auto", "cpu", "cuda"] = "auto"
    """Where models run: `auto` is CUDA where it can be used, else the CPU; with `cuda` no worker starts without it."""
    model_cache_dir: Path | None = None
    """Folder of exported models; the user's cache folder by default."""
    manifest: Path | None = None
    """A manifest that adds candidates to models/manifest.toml; none by default."""
    visual_model: str | None = None
    """Name or name@version in the manifest, its default otherwise; used until the first `jikimi promote`."""
    audio_model: str | None = None
    """Likewise."""
    text_model: str | None = None
    """Likewise."""
    fusion_model: str | None = None
    """Likewise."""

    explicit: bool = False
    """Rate how explicit pictures are, for reviewers; never a reason to act. Needs the extra "explicit"."""
    voice: bool = False
    """Describe voices; the same for decode, audio and desk. Needs weights from the operator: models/voice/card.md."""
    lists: bool = False
    """Compare posts with the hash lists of others that were imported, for reviews; the same for visual and match."""
    ocr: bool = False
    """Read text on screen; the same for decode and screen. Needs the extra "ocr", and Tesseract for Hangul."""

    metrics_port: int | None = Field(None, ge=0, le=65535)
    """Port of the Prometheus metrics; none by default."""
    trace_endpoint: str | None = Field(None, pattern=r"^https?://\S+$")
    """URL of an OpenTelemetry collector for traces, as http://host:4318/v1/traces; none by default."""
    trace_headers: SecretStr = SecretStr("")
    """Headers for the collector, such as an access token, as name=value[,name=value]; none by default."""
    trace_ratio: float = Field(1.0, ge=0, le=1)
    """Share of posts whose traces are sent; processes with the same share send the same posts."""
    monitor_interval_s: PositiveFloat = 2.0
    """Interval between updates of `jikimi monitor` from the broker."""
    ready_file: Path | None = None
    """File that a worker creates once it has its partitions, for readiness probes; none by default."""
    start_grace_s: NonNegativeFloat = 60.0
    """Longest wait of a command for the broker before it fails."""
    roles: tuple[Role, ...] = ROLES
    """Roles of the persons who use this machine's commands: officer, reviewer, operator, auditor."""
    desk_folder: Path | None = None
    """Folder in which the desk keeps the names of references' files, which never leave it, and TMK+PDQF of lists; the
    user's data folder by default."""
    time_zone: str = ""
    """Time zone in which the desk shows times, such as Asia/Seoul; the machine's by default."""
    break_after_min: NonNegativeFloat = 45.0
    """Time of review without a break, minutes, after which the console suggests one; 0 for never."""

    media: MediaSettings = Field(default_factory=MediaSettings)
    """Settings of fetching and decoding, read from JIKIMI_MEDIA_…."""
    http: HttpSettings = Field(default_factory=HttpSettings)
    """Settings of the HTTP feed, read from JIKIMI_HTTP_…."""
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    """Settings of the delivery of takedowns, read from JIKIMI_DELIVERY_…."""
    filer: FilerSettings = Field(default_factory=FilerSettings)
    """Who files notices, read from JIKIMI_FILER_…."""
    hook: HookSettings = Field(default_factory=HookSettings)
    """Where officers are notified of hits, read from JIKIMI_HOOK_…."""
    audit: AuditSettings = Field(default_factory=AuditSettings)
    """Keys of the audit trail, read from JIKIMI_AUDIT_…."""
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    """Persons of a login outside, read from JIKIMI_OIDC_…."""
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    """Address and pseudonyms of a team's console, read from JIKIMI_CONSOLE_…."""
    search: SearchSettings = Field(default_factory=SearchSettings)
    """Platforms that the desk asks for words of cases, read from JIKIMI_SEARCH_…."""
    sealing: SealingSettings = Field(default_factory=SealingSettings)
    """The keys that seal media on the broker, read from JIKIMI_SEALING_…."""

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key if name else ""
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone {name!r}: expected one such as Asia/Seoul") from error

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review > self.act:
            raise ValueError(f"JIKIMI_REVIEW {self.review:g} is above JIKIMI_ACT {self.act:g}")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.uses_sasl and not (self.sasl_username and self.sasl_password.get_secret_value()):
            raise ValueError(f"{self.security_protocol} needs JIKIMI_SASL_USERNAME and JIKIMI_SASL_PASSWORD")
        if (auth := self.schema_registry_auth.get_secret_value()) and ":" not in auth:
            raise ValueError("JIKIMI_SCHEMA_REGISTRY_AUTH is not of the form user:password")
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("JIKIMI_CERTIFICATE_FILE and JIKIMI_KEY_FILE must be set together")
        return self

    @model_validator(mode="after")
    def _hide_parts(self) -> Self:
        hide(self.schema_registry_auth.get_secret_value().partition(":")[2], *self.trace_header_values.values())
        return self

    @property
    def trace_header_values(self) -> dict[str, str]:
        """Headers for the collector by name."""
        pairs = [pair.partition("=") for pair in self.trace_headers.get_secret_value().split(",") if pair.strip()]
        if any(not (name.strip() and value.strip()) for name, _, value in pairs):
            raise ValueError("JIKIMI_TRACE_HEADERS is not of the form name=value[,name=value]")
        return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}

    @property
    def desk_path(self) -> Path:
        """Folder of the desk."""
        return self.desk_folder or data_folder() / "desk"

    @property
    def looks_from(self) -> float | None:
        """Probability from which a case is looked at again; None where looks are off."""
        return self.look_at if self.looks else None

    @property
    def uses_sasl(self) -> bool:
        """Whether the client authenticates with a name and a password."""
        return self.security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    def required_term_key(self) -> bytes:
        """Return the key of the term digests.

        Raises
        ------
        UsageError
            It is not set or too short: anyone could guess digests under an empty key.
        """
        key = self.term_key.get_secret_value().encode()
        if len(key) < _LEAST_KEY_BYTES:
            raise UsageError(
                f"set JIKIMI_TERM_KEY to a secret of {_LEAST_KEY_BYTES} characters or more, the same everywhere"
            )
        return key


def load_settings(**changes: object) -> Settings:
    """Read the settings; keyword arguments take precedence over the environment.

    Raises
    ------
    UsageError
        A setting is wrong; the message is one line with its name.
    """
    hide_foreign_secrets()
    try:
        return Settings(**changes)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(_first_error(error)) from error


def _first_error(error: ValidationError) -> str:
    """Return the first error as one line, with the setting's name in the environment."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    prefix = _PREFIXES.get(error.title, "JIKIMI_")
    place = [part for part in first["loc"] if isinstance(part, str)]  # without the place in a list
    n_names = 2 if error.title == Settings.__name__ and place[0] in _group_fields() else 1
    name = "_".join(place[:n_names]).upper().removeprefix("JIKIMI_")
    of_map = "".join(f", {key!r}" for key in place[n_names:])
    return f"setting {prefix}{name}{of_map}: {message}"


def _group_fields() -> set[str]:
    return {name for name, field in Settings.model_fields.items() if field.annotation in _GROUPS}
