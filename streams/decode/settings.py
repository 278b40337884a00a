"""Limits and allowed sources of a post's media."""

from pathlib import Path
from typing import Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings


class MediaSettings(SecretSettings):
    """Limits of fetching and decoding; every field can be set as JIKIMI_MEDIA_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_MEDIA_", frozen=True)

    file_roots: tuple[Path, ...] = ()
    """Folders that file links may point into; none by default, because a feed must not read our disk."""
    s3_buckets: tuple[str, ...] = ()
    """Buckets that s3 links may name; none by default, because our credentials may open more than a feed should."""
    s3_endpoint: str | None = None
    """Endpoint of an S3-compatible store; if absent, the usual AWS_* variables apply."""
    s3_access_key: SecretStr = SecretStr("")
    """Access key of the store; if absent, the usual AWS_* variables apply."""
    s3_secret_key: SecretStr = SecretStr("")
    """Its secret key."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, host:port or CIDRs that may resolve to private addresses, such as a media store in the same cluster."""
    plc_directory: str = Field(default="https://plc.directory", pattern=r"^https?://\S+$")
    """Server that resolves the did:plc of Bluesky's accounts, whose own servers have media that the network's lacks."""
    max_media: PositiveInt = 48
    """Most media of one post; a post with more is taken for an attack. A gallery has 20, a video 20 captions."""
    max_bytes: PositiveInt = 1024 * 1024 * 1024
    """Largest medium in bytes; two hours of phone video fit."""
    fetch_timeout_s: PositiveFloat = 120.0
    """Longest fetch of one medium as a whole, without its wait for a turn; also the longest wait of a post's further
    media after its links have wasted time."""
    fetch_attempts: PositiveInt = 4
    """Attempts to fetch one medium whose host does not answer or fails; then it is given up, the others are decoded."""
    slow_fetch_s: PositiveFloat = 10.0
    """Time after which a fetch counts as slow; slow ones may hold half of the turns, then the slowest ends."""
    processing_s: NonNegativeFloat = 30.0
    """Time after a post was seen during which its media may be missing because its platform still processes them."""
    connect_timeout_s: PositiveFloat = 10.0
    """Longest time without data on a connection."""
    max_redirects: NonNegativeInt = 5
    """Most redirects of one link; content networks need two or three."""
    max_fetches: PositiveInt = 16
    """Media fetched concurrently by one worker; at most half of them from one host."""
    temporary_folder: Path | None = None
    """Folder on whose disk fetched media lie, without a name, while they are decoded; if absent, the system's."""
    disk_bytes: PositiveInt = 16 * 1024 * 1024 * 1024
    """Most bytes of fetched media on disk at once; further fetches wait. At least the largest medium."""

    decoders: PositiveInt = 2
    """Child processes that work concurrently, one core each."""
    max_open: PositiveInt = 16
    """Media that take turns on the decoders, a child each, as far as decoders_memory_bytes allows; if fewer than the
    stage's window, films delay clips."""
    decoder_memory_bytes: PositiveInt = 1536 * 1024 * 1024
    """Address space of a child; measured peaks: 8K H.264 697 MB, a PNG of 49 megapixels 878 MB."""
    decoders_memory_bytes: PositiveInt | None = None
    """Memory of all children of a worker together; further media wait. If absent, three quarters of the machine's or of
    the container's limit."""
    scan_timeout_s: PositiveFloat = 60.0
    """Longest scan of one medium: reading all its packets, without decoding."""
    segment_timeout_s: PositiveFloat = 60.0
    """Longest decoding of one segment; about 1 s is usual."""
    medium_timeout_s: PositiveFloat = 1800.0
    """Longest decoding of one medium, without the time the pipeline took to consume its segments."""

    segment_s: PositiveFloat = 60.0
    """Duration of a segment, the unit of work of all later stages."""
    max_duration_s: PositiveFloat = 3 * 3600.0
    """Duration after which decoding stops; the rest of the medium is a dead letter."""
    max_pixels: PositiveInt = 50_000_000
    """Most pixels of one picture, checked before it is decoded; 8K video has 33 million."""
    frames_per_second: PositiveFloat = 0.5
    """Base rate of sampling among the decoded frames; frames after shot changes are added."""
    longest_gap_s: NonNegativeFloat = 5.5
    """Longest gap between key frames; in longer ones other frames are decoded too. 0 decodes all frames."""
    few_frames: NonNegativeInt = 5
    """Least frames wanted of a medium: a short one is sampled more often than the base rate, at most twice a second."""
    reference_frames_per_second: PositiveFloat = 1.0
    """Rate of sampling of references, of which all frames are decoded."""
    max_frames: PositiveInt = 90
    """Most sampled frames of one segment, so that its record fits the topic."""
    short_side: PositiveInt = 320
    """Short side of a sampled frame in pixels, from which the visual model crops."""
    max_thumbnails: NonNegativeInt = 12
    """Most blurred pictures of one segment, for evidence."""
    sound_rate_hz: PositiveInt = 8000
    """Sample rate of the sounds topic, which the audio model takes."""
    sound_lead_s: float = Field(default=2.4, ge=0.0, le=2.6)
    """Sound of the segment before with which a segment's sound begins: a window and its hop less, so that windows over
    the border are described, each once."""

    @model_validator(mode="after")
    def _has_both_keys(self) -> Self:
        if bool(self.s3_access_key.get_secret_value()) is not bool(self.s3_secret_key.get_secret_value()):
            raise ValueError("JIKIMI_MEDIA_S3_ACCESS_KEY and JIKIMI_MEDIA_S3_SECRET_KEY must be set together")
        return self

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.disk_bytes < self.max_bytes:
            raise ValueError(f"JIKIMI_MEDIA_DISK_BYTES {self.disk_bytes} is below the largest medium, {self.max_bytes}")
        return self
