"""Simplified Chinese characters for traditional ones, so that a name written in either script is one name.

The table is that of the package wordfreq, made from OpenCC's; it maps character by character, which suffices for names.
"""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec


def simplified(text: str) -> str:
    """Return a text with its traditional characters simplified."""
    return text if text.isascii() else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    package = find_spec("wordfreq")  # not imported: that takes 60 ms and its word lists
    assert package is not None
    assert package.origin is not None
    content = (Path(package.origin).parent / "data" / "_chinese_mapping.msgpack.gz").read_bytes()
    return msgspec.msgpack.decode(gzip.decompress(content), type=dict[int, str])
