"""Traces of media in bytes: pictures, samples of a known sound, and the first bytes of containers."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from tests.support.deadline import DEADLINE_S

# At least six bytes each: sealed bytes are random, and gigabytes of them must hold none by chance.
_PICTURE_OR_CONTAINER = re.compile(
    rb"\xff\xd8\xff[\xe0\xe1]..(?:JFIF|Exif)"
    rb"|\xff\xd8\xff\xdb\x00[\x43\x84]"
    rb"|ftyp(?:isom|iso[2-9]|mp4[12]|M4[AV] |avif|heic|qt  )"
    rb"|\x1aE\xdf\xa3.{0,64}?(?:webm|matroska)"
    rb"|RIFF....(?:WAVE|AVI |WEBP)"
    rb"|OggS\x00\x02"
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a.{4}[\x80-\xff]"
    rb"|/9j/4[\w+/]{3}(?:SkZJRg|RXhpZg)|/9j/2w(?:BD|CE)|iVBORw0KGgo|UklGR[\w+/]{6}XRUJQ",  # pictures in base64
    re.DOTALL,
)
_LOADED = re.compile(
    rb"""(?:\b(?:src|srcset|poster|background)\s*=\s*["']?|url\(["']?)(?!/static/)[^"'\s>)]+|data:(?:image|video|audio)/"""
)
"""What a page loads by itself, but for the files of the console's own look."""
_SAMPLE_BYTES = 64
_MAX_SAMPLES = 16
_WITHOUT_RECORDS = {".index", ".timeindex"}
"""Files of a broker that it lays out with megabytes of zeros, and that hold offsets and times."""
_CHUNK_BYTES = 64 * 1024 * 1024


def samples_of(pcm: bytes) -> list[bytes]:
    """Return short runs of a sound, from the places where it is not silent."""
    runs = [pcm[start : start + _SAMPLE_BYTES] for start in range(0, len(pcm) - _SAMPLE_BYTES, 997 * 2)]
    loud = [run for run in runs if len(set(run)) > _SAMPLE_BYTES // 4]
    return loud[:: -(-len(loud) // _MAX_SAMPLES) or 1]


def traces(content: bytes, samples: Sequence[bytes] = ()) -> list[bytes]:
    """Return what in some bytes is of media."""
    return [*_PICTURE_OR_CONTAINER.findall(content), *(sample for sample in samples if sample in content)]


def media_of_page(content: bytes) -> list[bytes]:
    """Return what in a response is of media, or is loaded by a page that shows it."""
    return [*traces(content), *_LOADED.findall(content)]


def files_with_traces(folders: Sequence[Path], samples: Sequence[bytes] = ()) -> Iterator[Path]:
    """Yield the files below folders that hold traces of media."""
    found = (path for folder in folders for path in folder.rglob("*") if path.suffix not in _WITHOUT_RECORDS)
    for path in (path for path in found if path.is_file()):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if traces(chunk, samples):
                    yield path
                    break


def log_folders(bootstrap: str, prefix: str) -> list[Path]:
    """Return the folders of a broker's partitions of topics with a prefix; none where the broker's disk is not ours."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    (broker, *_) = client.list_topics(timeout=DEADLINE_S).brokers
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    (answer,) = client.describe_configs([resource]).values()
    folders = [Path(name) for name in answer.result(DEADLINE_S)["log.dirs"].value.split(",")]
    return [path for folder in folders if folder.is_dir() for path in folder.glob(f"{prefix}*")]
