"""Entries of a page of NCMEC's list, read as a stream and with their lines."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from streams.exchange.formats.changes import ListError

_CHUNK_BYTES = 1 << 16
_ENTRIES = {
    "image": ("image", False),
    "video": ("video", False),
    "deletedimage": ("image", True),
    "deletedvideo": ("video", True),
}
_MOST_TEXT = 360_000
"""Characters of one fingerprint, the longest a TMK+PDQF in base64."""


class Entry(NamedTuple):
    """An image or a video, or that one was deleted."""

    line: int
    kind: str
    deleted: bool
    member: str
    """Id of the member who entered it."""
    name: str
    """Its id among that member's."""
    fingerprints: tuple[tuple[str, str], ...]
    """Names and values."""


def entries(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a page.

    Raises
    ------
    ListError
        It is no XML, has a document type, whose entities could fill any memory, or an entry lacks its id or member.
    """
    reader = _Reader()
    try:
        for start in range(0, len(content), _CHUNK_BYTES):
            reader.parser.Parse(content[start : start + _CHUNK_BYTES], False)  # noqa: FBT003 - has no keywords
            while reader.found:
                yield reader.found.popleft()
        reader.parser.Parse(b"", True)  # noqa: FBT003 - likewise
    except expat.ExpatError as error:
        raise ListError(error.lineno, expat.errors.messages[error.code]) from error
    if reader.root != "queryResult":
        raise ListError(1, f"<{reader.root}> is not NCMEC's <queryResult>")


class _Reader:
    """Handlers of the parser, which collect entries."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.found: deque[Entry] = deque()
        self.root = ""
        self._path: list[str] = []
        self._line = 0
        self._member = self._id = self._written = ""
        self._fingerprints: list[tuple[str, str]] = []

    def _doctype(self, *_: object) -> None:
        raise ListError(self.parser.CurrentLineNumber, "a document type, which these lists have none of")

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        name, within = qualified.rpartition(":")[2], self._within()
        self.root = self.root or name
        self._path.append(name)
        self._written = ""
        if name.lower() in _ENTRIES:
            self._line, self._member, self._id = self.parser.CurrentLineNumber, "", ""
            self._fingerprints = []
        elif name == "member" and within in _ENTRIES:
            self._member = attributes.get("id", "")

    def _text(self, text: str) -> None:
        self._written += text
        if len(self._written) > _MOST_TEXT:
            raise ListError(self.parser.CurrentLineNumber, f"more than {_MOST_TEXT} characters in one element")

    def _end(self, qualified: str) -> None:
        name, within = self._path.pop(), self._within()
        text = self._written.strip()
        self._written = ""
        if name == "id" and within in _ENTRIES:
            self._id = text
        elif within == "fingerprints" and text:
            self._fingerprints.append((name, text))
        elif (kind := _ENTRIES.get(name.lower())) is not None:
            if not (self._id and self._member.isdigit()):
                raise ListError(self._line, f"<{qualified}> has no id, or no member with a number")
            self.found.append(Entry(self._line, *kind, self._member, self._id, tuple(self._fingerprints)))

    def _within(self) -> str:
        """Return the name of the innermost open element, empty outside of the root."""
        return self._path[-1].lower() if self._path else ""
