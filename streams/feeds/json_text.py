"""JSON that others wrote: what is malformed in it costs as little of the rest as possible.

Valid JSON is decoded as usual. Other JSON is repaired: bytes that are not UTF-8 and halves of surrogate pairs become
U+FFFD, numbers beyond the machine's become null, and so does what is nested too deeply.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from streams.feeds.entry_error import EntryError
from streams.feeds.notes import Notes

_MAX_DEPTH = 100
_MAX_DIGITS = 100
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A string as a whole, because brackets in it do not count, or a bracket."""


def read_json(raw: str | bytes, notes: Notes) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a JSON text.

    Parameters
    ----------
    notes
        Gets a line if the text had to be repaired.

    Raises
    ------
    EntryError
        It cannot be repaired.
    """
    encoded = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
    try:
        return msgspec.json.decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        try:
            repaired = _repaired(encoded)
        except (ValueError, RecursionError):
            raise EntryError(f"invalid JSON: {error}") from error
        notes.add("malformed JSON was repaired")
        return repaired


def _repaired(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    text = "".join(_shallow(_text(raw).removeprefix("\ufeff")))
    value = json.loads(text, strict=False, parse_int=_int, parse_float=_float, parse_constant=lambda _: None)
    plain = json.dumps(value, ensure_ascii=False)
    # Through UTF-16, in which the halves of a pair that were escaped apart join, and other halves are replaced.
    return msgspec.json.decode(plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _text(raw: bytes) -> str:
    """Return bytes as text; surrogates, which UTF-8 does not allow, are kept for the last step."""
    try:
        return raw.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return raw.decode(errors="replace")


def _shallow(text: str) -> Iterator[str]:
    """Yield the text, with null for each value that is nested too deeply."""
    depth = start = 0
    for match in _BRACKET.finditer(text):
        if match[0] in {"[", "{"}:
            depth += 1
            if depth == _MAX_DEPTH + 1:
                yield text[start : match.start()] + "null"
        elif match[0] in {"]", "}"}:
            depth -= 1
            if depth == _MAX_DEPTH:
                start = match.end()
    if depth <= _MAX_DEPTH:
        yield text[start:]


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _float(digits: str) -> float | None:
    return number if math.isfinite(number := float(digits)) else None
