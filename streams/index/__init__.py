"""The vector indexes of cases and of the archive."""

from streams.index.archive import Archive, Hit, MilvusArchive
from streams.index.live import LiveIndex
from streams.index.references import ReferenceIndex, scores

__all__ = ["Archive", "Hit", "LiveIndex", "MilvusArchive", "ReferenceIndex", "scores"]
