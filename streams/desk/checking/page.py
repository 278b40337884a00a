"""Media that a web page names: by Open Graph, Twitter cards, JSON-LD, and its own video and audio elements."""

import codecs
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urldefrag

from schemas.messages import Medium
from streams.feeds.entry_error import EntryError
from streams.feeds.json_text import read_json
from streams.feeds.media_kinds import kind_of
from streams.feeds.notes import Notes
from streams.feeds.text import joined as joined_texts
from streams.links.markup import Piece, pieces
from streams.links.urls import joined

MAX_ADDRESS = 2_048
"""Characters of an address, as in browsers."""
_MAX_WORDS = 5_000
_MAX_PIECES = 200_000
"""Elements and texts of one page that are read."""
_MAX_NODES = 50_000
"""Objects and lists of one page's JSON-LD that are read."""
_VIDEO = {"og:video", "og:video:url", "og:video:secure_url", "twitter:player:stream"}
_AUDIO = {"og:audio", "og:audio:url", "og:audio:secure_url"}
_IMAGE = {"og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"}
_PLAYER = {"twitter:player"}
_WORDS = ("og:title", "twitter:title", "og:description", "twitter:description", "description")
_OBJECTS = {"videoobject": "video", "audioobject": "audio", "imageobject": "image"}
_CHARSET = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_OF_THE_WEB = re.compile(
    r"ascii|utf-8|utf-16(-[bl]e)?|iso8859-\d+|iso2022_\w+|cp\d+|koi8-\w|mac-\w+|tis-620|"
    r"gb\w+|hz|big5\w*|euc_\w+|shift_jis\w*"
)
"""Python's names of character sets that pages have. Of its others, punycode takes more than quadratic time."""
_HEAD_BYTES = 2_048
"""In which a page declares its character set."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one page names, each address once and in the page's order."""

    media: dict[str, str] = field(default_factory=dict)
    """Kinds of videos and sounds by address."""
    images: list[str] = field(default_factory=list)
    players: list[str] = field(default_factory=list)
    """Pages that play the medium."""
    words: str = ""
    """Title and description."""
    asks_password: bool = False


def read_page(raw: bytes, base: str) -> Page:
    """Return what a page names.

    Parameters
    ----------
    raw
        HTML; takes time linear in its length.
    base
        Address that gave it.
    """
    reader = _Reader(base)
    for piece in islice(pieces(_decoded(raw)), _MAX_PIECES):
        reader.read(piece)
    return reader.page()


def media_of(page: Page, most: int, most_images: int) -> list[Medium]:
    """Return the media of a page's post: videos and sounds, then its pictures, which may be their thumbnails."""
    found = [Medium(url=url, kind=kind) for url, kind in page.media.items()][:most]
    return [*found, *(Medium(url=url, kind="image") for url in page.images[:most_images])]


class _Reader:
    def __init__(self, base: str) -> None:
        self._base = base
        self._page = Page()
        self._kinds: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._asks_password = False
        self._within = "video"

    def page(self) -> Page:
        """Return the page as far as it is read."""
        titles = (self._words.get(name, "")[:_MAX_WORDS] for name in ("title", *_WORDS))
        return Page(self._kinds, self._page.images, self._page.players, joined_texts(*titles), self._asks_password)

    def read(self, piece: Piece) -> None:
        """Take in one element."""
        if piece.is_end or not piece.name:
            return
        match piece.name:
            case "base":
                self._base = joined(self._base, piece.attributes.get("href", "")) or self._base
            case "meta":
                self._read_meta(piece)
            case "title":
                self._words.setdefault("title", piece.text)
            case "script" if piece.attributes.get("type", "").lower().startswith("application/ld+json"):
                self._read_linked_data(piece.text)
            case "video" | "audio":
                self._within = piece.name
                self._add(piece.attributes.get("src", ""), piece.name)
            case "source":
                self._read_source(piece)
            case "input":
                self._asks_password |= piece.attributes.get("type", "").lower() == "password"
            case _:
                pass

    def _read_source(self, piece: Piece) -> None:
        kind = piece.attributes.get("type", "").partition("/")[0].lower()
        if kind != "image":  # of a picture element
            self._add(piece.attributes.get("src", ""), kind if kind in {"video", "audio"} else self._within)

    def _read_meta(self, piece: Piece) -> None:
        name = (piece.attributes.get("property") or piece.attributes.get("name") or "").lower()
        content = piece.attributes.get("content", "").strip()
        if name in _WORDS:
            self._words.setdefault(name, content)
        elif name == "og:video:type" and content.lower().startswith("text/html"):
            self._last_is_player()
        elif name in _PLAYER:
            self._add(content, "player")
        elif name in _VIDEO | _AUDIO | _IMAGE:
            self._add(content, "video" if name in _VIDEO else "audio" if name in _AUDIO else "image")

    def _last_is_player(self) -> None:
        """Take the last video for a page that plays one: its type follows it."""
        if self._kinds:
            url, kind = self._kinds.popitem()
            self._add(url, "player" if kind_of(url) is None else kind)

    def _read_linked_data(self, text: str) -> None:
        try:
            found = read_json(text, Notes())
        except EntryError:
            return
        for node in _objects(found):
            kinds = [_OBJECTS.get(kind.lower()) for kind in _texts(node.get("@type"))]
            if (kind := next(filter(None, kinds), None)) is None:
                continue
            for url in _texts(node.get("contentUrl")):
                self._add(url, kind)
            for url in _texts(node.get("embedUrl")):
                self._add(url, "player")
            for url in _texts(node.get("thumbnailUrl")):
                self._add(url, "image")

    def _add(self, url: str, kind: str) -> None:
        if not (address := _resolved(self._base, url)):
            return
        if kind in {"video", "audio"}:
            self._kinds.setdefault(address, kind)
        else:
            found = self._page.images if kind == "image" else self._page.players
            if address not in found and len(found) < _MAX_NODES:
                found.append(address)


def _resolved(base: str, url: str) -> str:
    """Return the whole address, empty if there is none of the web."""
    address = urldefrag(joined(base, url.strip())).url if url.strip() else ""
    return address if address.startswith(("http://", "https://")) and len(address) <= MAX_ADDRESS else ""


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield the objects in JSON, without recursion."""
    waiting, n_seen = deque([value]), 0
    while waiting and (n_seen := n_seen + 1) <= _MAX_NODES:
        node = waiting.popleft()
        if isinstance(node, dict):
            yield node
            waiting.extend(inner for inner in node.values() if isinstance(inner, dict | list))
        elif isinstance(node, list):
            waiting.extend(inner for inner in node if isinstance(inner, dict | list))


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Return a text, or the texts of a list."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _decoded(raw: bytes) -> str:
    """Return a page as text, by the character set that it declares, UTF-8 where that is none of the web's."""
    declared = _CHARSET.search(raw[:_HEAD_BYTES])
    try:
        name = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    except LookupError:
        name = "utf-8"
    return raw.decode(name if _OF_THE_WEB.fullmatch(name) else "utf-8", errors="replace")
