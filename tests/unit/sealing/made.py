"""Frames, sounds and keys for tests of the sealing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from schemas.messages import Frame, Frames, Sounds, Thumbnail
from streams.sealing.settings import SealingSettings
from tests.unit.made_messages import segment

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF a picture"
PCM = bytes(range(256)) * 8
FRAMES = Frames(
    segment=segment(),
    frames=[Frame(time_s=0.5, jpeg=JPEG), Frame(time_s=1.5, jpeg=JPEG + b"2")],
    thumbnails=[Thumbnail(time_s=0.5, jpeg=JPEG + b"small")],
)
SOUNDS = Sounds(segment=segment(), rate_hz=16_000, pcm=PCM)


def settings(folder: Path, **changes: Any) -> SealingSettings:
    fields: dict[str, Any] = {"key_file": folder / "keys.json", "key_delay_s": 0.0}
    return SealingSettings(**fields | changes)


def aged(file: Path, **ages: timedelta) -> None:
    """Make all keys of these purposes older."""
    content = json.loads(file.read_bytes())
    for key in content["keys"]:
        made_at = datetime.fromisoformat(key["made_at"]) - ages.get(key["purpose"], timedelta(0))
        key["made_at"] = made_at.astimezone(UTC).isoformat()
    new = file.with_name("aged")
    new.write_text(json.dumps(content))
    new.chmod(0o600)
    new.replace(file)


def byte_fields(message: Any) -> Iterator[bytes]:
    """Yield every bytes value within a message."""
    if isinstance(message, bytes):
        yield message
    elif isinstance(message, msgspec.Struct):
        for name in message.__struct_fields__:
            yield from byte_fields(getattr(message, name))
    elif isinstance(message, list | tuple):
        for each in message:
            yield from byte_fields(each)
    elif isinstance(message, dict):
        yield from byte_fields(list(message.values()))
