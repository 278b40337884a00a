"""The copies a reposter makes of a video: each edit turns a clip into what is posted."""

from streams.evaluation.edits.catalogue import EDITS, make_copy
from streams.evaluation.edits.edit import Edit

__all__ = ["EDITS", "Edit", "make_copy"]
