"""What a file is that is not a picture, video or sound, in words for a person."""

from pathlib import Path

from streams.errors import UsageError

_HEAD_BYTES = 4096
_KINDS = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\x00", "a database"),
)
_PAGES = (b"<!doctype html", b"<html")


class NoMediumError(UsageError):
    """A file that is given as a reference is no picture, video or sound."""

    def __init__(self, file: Path, detail: str) -> None:
        super().__init__(f"{file}: {no_medium(file, detail)}")
        self.file = file


def no_medium(file: Path, detail: str) -> str:
    """Return in words why a file cannot be described.

    Parameters
    ----------
    detail
        The decoder's words, used where the file is of no known other kind.
    """
    head = _head(file)
    if not head:
        return "the file is empty"
    if (kind := _kind(head)) is not None:
        return f"this is not a picture, video or sound but {kind}"
    return f"this is not a picture, video or sound that can be read: {detail}"


def _kind(head: bytes) -> str | None:
    for start, kind in _KINDS:
        if head.startswith(start):
            return kind
    if head.lstrip().lower().startswith(_PAGES):
        return "a web page: save the video itself"
    return "text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Return whether these bytes are text in UTF-8, but for a letter that is cut at the end."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_HEAD_BYTES)
