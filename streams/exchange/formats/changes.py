"""Changes of a hash list, which every format is read into and written from."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.tmk.file import FILE_BYTES, read_tmk
from schemas.messages import SignalKind
from streams.errors import UsageError

MOST_SIGNALS = 1_000_000
"""Signals of one list: what one worker holds, and what is read, grows with it."""
MOST_BYTES = 512 * 1024 * 1024
"""Bytes of one file."""
MOST_ORIGIN = 200
"""Characters of an entry's id at its exchange."""
_DIGITS: dict[SignalKind, int] = {"md5": 32, "pdq": 64}
_HEX = re.compile(r"[0-9a-f]*")
_OF_NOTHING = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")
"""MD5 of an empty file."""
_FEW_BITS = 96
"""A PDQ has 128 of 256 bits set; one with far fewer is of a picture of one colour, and near to any other such."""


class Signal(NamedTuple):
    """A hash of a medium."""

    kind: SignalKind
    value: bytes
    """16 bytes of an MD5, 32 of a PDQ."""

    @property
    def name(self) -> str:
        """Kind and hexadecimal value, by which matches name it."""
        return f"{self.kind}-{self.value.hex()}"


class Change(NamedTuple):
    """An entry as it is from now on."""

    origin: str
    """Its id at its exchange."""
    signals: tuple[Signal, ...] = ()
    """Empty if it is withdrawn."""
    is_film: bool = True
    tmk: bytes = b""
    """TMK+PDQF of a video, the bytes of its file; empty once they are kept elsewhere."""


class ListError(UsageError):
    """A line of a list that cannot be read; nothing of the list is taken then."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}; nothing was imported")
        self.line = line


class Skipped(Counter[str]):
    """Signals that are not searched for, by what they are."""


def signal_of(kind: SignalKind, text: str, line: int) -> Signal:
    """Return the signal of hexadecimal digits.

    Raises
    ------
    ListError
        They are too many, too few, or no such digits.
    """
    digits = text.strip().lower()
    if len(digits) != _DIGITS[kind] or not _HEX.fullmatch(digits):
        shown = digits if len(digits) <= _DIGITS["pdq"] else f"{digits[: _DIGITS['pdq']]}…"
        raise ListError(line, f"{shown!r} is not a {kind.upper()}, which has {_DIGITS[kind]} hexadecimal digits")
    return Signal(kind, bytes.fromhex(digits))


def tmk_of(text: str, line: int) -> bytes:
    """Return the TMK+PDQF in a text of base64; empty if it is something else, such as a link to one.

    Raises
    ------
    ListError
        It has the size of one, and is broken.
    """
    try:
        content = base64.b64decode(text, validate=True)
        if len(content) == FILE_BYTES:
            read_tmk(content)
            return content
    except binascii.Error:
        return b""
    except ValueError as error:
        raise ListError(line, f"a broken TMK+PDQF: {error}") from error
    return b""


def specific(signals: Iterable[Signal], skipped: Skipped) -> Iterator[Signal]:
    """Yield the signals that are not those of nothing: an empty file, a picture of one colour."""
    for signal in signals:
        n_bits = int.from_bytes(signal.value).bit_count()
        if signal.value == _OF_NOTHING or (signal.kind == "pdq" and min(n_bits, 256 - n_bits) < _FEW_BITS):
            skipped[f"{signal.kind} of nothing"] += 1
        else:
            yield signal


def checked_origin(origin: str, line: int) -> str:
    """Return an entry's id; raises a `ListError` if it is empty, too long or not printable."""
    if not 0 < len(origin) <= MOST_ORIGIN or not origin.isprintable():
        raise ListError(line, f"an id has 1 to {MOST_ORIGIN} printable characters")
    return origin


def check_number(n_signals: int, line: int) -> None:
    """Raise a `ListError` if a list has too many signals."""
    if n_signals > MOST_SIGNALS:
        raise ListError(line, f"more than {MOST_SIGNALS} signals")
