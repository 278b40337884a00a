"""Text, addresses and media of a status's HTML, as people read it.

Blocks keep words apart, inline elements do not: the address of a link, which Mastodon cuts into spans that are partly
hidden, stays one word.
"""

from schemas.messages import Medium
from streams.feeds.text import joined
from streams.links.markup import Piece, pieces

_UNREAD = {"script", "style"}
_BREAKS = dict.fromkeys(("br", "hr", "li", "tr", "dt", "dd", "option", "rt"), 1) | dict.fromkeys(
    (
        *("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "dl", "table", "caption"),
        *("section", "article", "header", "footer", "aside", "main", "nav", "figure", "figcaption", "details"),
        *("summary", "form", "fieldset", "address", "video", "audio", "iframe", "title", "textarea"),
    ),
    2,
)
"""Line breaks before and after an element."""
_CELLS = {"td", "th"}
_MEDIA = {"img": "image", "video": "video", "audio": "audio", "source": None}
_OWN_LINKS = {"mention", "hashtag"}
"""Classes of links whose words say where they lead."""


class Html:
    """A status's HTML, read once."""

    def __init__(self, html: str) -> None:
        self._parts: list[str] = []
        self._n_breaks = 0
        self._links: list[str] = []
        self.media: list[Medium] = []
        for piece in pieces(html):
            self._read(piece)

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(self._parts).strip()

    @property
    def caption(self) -> str:
        """Its text, and the addresses behind words."""
        text = self.text
        return joined(text, *(link for link in self._links if link not in text))

    def _read(self, piece: Piece) -> None:
        if piece.name in _UNREAD:
            return
        # A line break is one line each time, while the breaks of blocks that meet are not added up.
        added = self._n_breaks + 1 if piece.name == "br" else _BREAKS.get(piece.name, 0)
        self._n_breaks = max(self._n_breaks, added)
        if piece.name in _CELLS and not piece.is_end and self._parts and not self._n_breaks:
            self._parts.append("\t")
        if piece.name and not piece.is_end:
            self._read_attributes(piece)
        self._write(piece.text)

    def _read_attributes(self, piece: Piece) -> None:
        attributes, classes = piece.attributes, set(piece.attributes.get("class", "").split())
        if piece.name == "a" and not classes & _OWN_LINKS:
            self._links.append(attributes.get("href", ""))
        elif piece.name in _MEDIA and "emoji" not in classes and _is_link(source := attributes.get("src", "")):
            self.media.append(Medium(url=source, kind=_MEDIA[piece.name], alt=attributes.get("alt", "")))

    def _write(self, text: str) -> None:
        """Add text after the breaks before it; white space between blocks is none."""
        if not text or (self._n_breaks and text.isspace()):
            return
        self._parts += ["\n" * self._n_breaks if self._parts else "", text]
        self._n_breaks = 0


def _is_link(source: str) -> bool:
    return source.startswith(("http://", "https://"))
