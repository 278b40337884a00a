"""What one post's media may cost, and where they may come from."""

from pathlib import Path

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class MediaSettings(BaseSettings):
    """Limits of fetching and decoding; every field can be set as JIKIMI_MEDIA_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_MEDIA_", frozen=True)

    file_roots: tuple[Path, ...] = ()
    """Folders that file links may point into; none unless named, for a feed must not read our disk."""
    s3_buckets: tuple[str, ...] = ()
    """Buckets that s3 links may name; none unless named, for our credentials may open more than a feed should."""
    s3_endpoint: str | None = None
    """An S3-compatible store; absent, the usual AWS_* variables decide."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, host:port or CIDRs that may resolve to private addresses, such as a media store in the same cluster."""
    max_media: PositiveInt = 16
    """Media of one post; beyond it a post is an attack, not a post."""
    max_bytes: PositiveInt = 1024 * 1024 * 1024
    """Largest medium in bytes; two hours of phone video fit."""
    fetch_timeout_s: PositiveFloat = 120.0
    """Whole fetch of one medium, so that a slow drip ends."""
    processing_s: NonNegativeFloat = 30.0
    """How long after a post was seen its media may be missing, for its platform may still be processing them."""
    connect_timeout_s: PositiveFloat = 10.0
    """Silence on a connection before it counts as dead."""
    max_redirects: NonNegativeInt = 5
    """Content networks need two or three."""
    max_fetches: PositiveInt = 8
    """Media fetched at once by one worker."""
    temporary_folder: Path | None = None
    """Where fetched media lie while decoded; absent, the system's."""

    decoders: PositiveInt = 2
    """Child processes that work at once, one core each."""
    max_open: PositiveInt = 16
    """Media that take turns on the decoders, a child each; fewer than the stage's window and films hold up clips."""
    decoder_memory_bytes: PositiveInt = 1536 * 1024 * 1024
    """Address space of a child; measured peaks: 8K H.264 697 MB, a PNG of 49 megapixels 878 MB."""
    scan_timeout_s: PositiveFloat = 60.0
    """Reading all packets of one medium, without decoding."""
    segment_timeout_s: PositiveFloat = 60.0
    """Decoding one segment; about 1 s is usual."""
    medium_timeout_s: PositiveFloat = 1800.0
    """Decoding one medium, not counting time the pipeline took to drink it."""

    segment_s: PositiveFloat = 60.0
    """The unit of work of all later stages."""
    max_duration_s: PositiveFloat = 3 * 3600.0
    """Where decoding stops; what lies beyond is a dead letter."""
    max_pixels: PositiveInt = 50_000_000
    """Of one picture, before it is decoded; 8K video has 33 million."""
    frames_per_second: PositiveFloat = 0.5
    """Base rate of sampling, as far as frames are decoded; shot changes come on top."""
    longest_gap_s: NonNegativeFloat = 5.5
    """Key frames are decoded, and others only where key frames are further apart than this; 0 decodes all frames."""
    few_frames: NonNegativeInt = 5
    """Least frames wanted of a medium: a short one is sampled more often than the base rate, at most twice a second."""
    reference_frames_per_second: PositiveFloat = 1.0
    """The same for references, of which all frames are decoded."""
    max_frames: PositiveInt = 90
    """Sampled frames of one segment, so that its record fits the topic."""
    short_side: PositiveInt = 320
    """Of a sampled frame in pixels; what the visual model crops from."""
    max_thumbnails: NonNegativeInt = 12
    """Blurred pictures of one segment, for evidence."""
    sound_rate_hz: PositiveInt = 8000
    """What the audio model hears."""
