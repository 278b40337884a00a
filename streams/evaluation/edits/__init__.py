"""Edits that reposters make: each turns a clip into a copy."""

from streams.evaluation.edits.catalogue import EDITS, make_copy
from streams.evaluation.edits.edit import Edit

__all__ = ["EDITS", "Edit", "make_copy"]
