"""What a page shows of a medium, as far as its markup shows it without scripts."""

import re
from hashlib import sha256
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from streams.links.markup import Piece, pieces
from streams.links.urls import joined

MARKERS = ("og:video", "twitter:player", "json-ld video", "video", "audio")
"""Signs of a medium: metadata of the page, or an element that plays one."""
_PLAYERS = {"og:video": "og:video", "og:video:url": "og:video", "og:video:secure_url": "og:video",
            "twitter:player": "twitter:player", "twitter:player:stream": "twitter:player"}  # fmt: skip
_VIDEO_OBJECT = re.compile(r'"@type"\s*+:\s*+\[?\s*+"VideoObject"')
_REMOVED = (
    "video unavailable", "video is unavailable", "video isn't available", "video is not available",
    "no longer available", "has been removed", "has been deleted", "was removed", "was deleted",
    "page not found", "content isn't available",
    "삭제된", "삭제되었", "존재하지 않는", "찾을 수 없", "재생할 수 없",
    "削除され", "存在しません", "見つかりません",
    "ha sido eliminad", "ya no está disponible", "no está disponible",
    "wurde entfernt", "wurde gelöscht", "nicht mehr verfügbar", "nicht verfügbar",
    "a été supprimé", "n'est plus disponible", "n'existe plus",
    "đã bị xóa", "đã bị xoá", "không còn tồn tại", "không khả dụng",
)  # fmt: skip
"""Sentences of platforms in the languages of the notices, lower case."""
_WALL = re.compile(
    r"(^|[./_-])(log-?in|sign-?in|sign_in|auth|oauth2?|sso|accounts?|consent|challenge|checkpoint|captcha)([./_?-]|$)"
)
_MAX_TEXT = 100_000


class Page(NamedTuple):
    """Signs on a page."""

    markers: frozenset[str]
    """Those of MARKERS that it has."""
    oembed: str
    """Address of its oEmbed description, empty if there is none."""
    addresses: frozenset[str]
    """Addresses that it gives as its own, in plain form as by `same`."""
    text: str
    """First 16 hex digits of the SHA-256 of its title and description, empty if it has neither."""
    says_removed: bool
    asks_login: bool


class Seen(NamedTuple):
    """Signs that an earlier look found, read from its detail."""

    address: str = ""
    markers: frozenset[str] = frozenset()
    oembed: str = ""
    text: str = ""

    @classmethod
    def read(cls, detail: str) -> Self:
        """Return the signs in a detail that `describe` wrote, none of any other text."""
        found = re.fullmatch(r"page (\S+) with ([^;]*)(?:; oEmbed (\S+))?(?:; text ([0-9a-f]{16}))?", detail)
        if found is None:
            return cls()
        return cls(found[1], frozenset(found[2].split(", ")) & set(MARKERS), found[3] or "", found[4] or "")


def describe(address: str, page: Page) -> str:
    """Return the detail of a look: the signs of a page in one line."""
    markers = ", ".join(marker for marker in MARKERS if marker in page.markers) or "no medium"
    oembed = f"; oEmbed {page.oembed}" if page.oembed else ""
    return f"page {address} with {markers}{oembed}" + (f"; text {page.text}" if page.text else "")


def read_page(markup: str, address: str) -> Page:
    """Return the signs on a page that an address served."""
    reader = _Reader(address)
    for piece in pieces(markup):
        reader.add(piece)
    words = " ".join("".join(reader.texts).lower().replace("\u2019", "'").split())
    title = " ".join(filter(None, (reader.named.get("og:title"), reader.named.get("og:description"))))
    return Page(
        markers=frozenset(reader.markers),
        oembed=reader.oembed,
        addresses=frozenset(map(same, reader.own)),
        text=sha256(title.encode()).hexdigest()[:16] if title else "",
        says_removed=any(sentence in words for sentence in _REMOVED),
        asks_login=reader.asks_login,
    )


def same(address: str) -> str:
    """Return an address in a form that is equal for those that differ only in scheme, www., m. and a last slash."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
        return f"{host}:{parts.port or ''}{parts.path.rstrip('/')}?{parts.query}"
    except ValueError:
        return address


def is_wall(address: str) -> bool:
    """Return whether an address is that of a login, a consent or a challenge."""
    parts = urlsplit(address)
    return bool(_WALL.search(f"{parts.hostname or ''}{parts.path}".lower()))


def is_front(address: str) -> bool:
    """Return whether an address is that of a site's front page."""
    parts = urlsplit(address)
    return not parts.path.strip("/") and not parts.query


class _Reader:
    """Signs found so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.markers: set[str] = set()
        self.named: dict[str, str] = {}
        self.own: list[str] = []
        self.oembed = ""
        self.asks_login = False
        self.texts: list[str] = []
        self._length = 0

    def add(self, piece: Piece) -> None:
        if piece.is_end:
            return
        match piece.name:
            case "meta":
                self._meta(piece)
            case "link":
                self._link(piece)
            case "video" | "audio":
                self.markers.add(piece.name)
            case "script":
                if _VIDEO_OBJECT.search(piece.text):
                    self.markers.add("json-ld video")
            case "input":
                self.asks_login |= piece.attributes.get("type", "").lower() == "password"
            case "style" | "textarea":
                pass
            case _:
                self._text(piece.text)

    def _meta(self, piece: Piece) -> None:
        name = (piece.attributes.get("property") or piece.attributes.get("name") or "").lower()
        content = piece.attributes.get("content", "").strip()
        if not content:
            return
        self.named.setdefault(name, content)
        if name in _PLAYERS:
            self.markers.add(_PLAYERS[name])
        elif name == "og:url":
            self.own.append(joined(self.address, content))

    def _link(self, piece: Piece) -> None:
        relations = piece.attributes.get("rel", "").lower().split()
        address = joined(self.address, piece.attributes.get("href", ""))
        if "canonical" in relations:
            self.own.append(address)
        elif piece.attributes.get("type", "").lower() == "application/json+oembed" and " " not in address:
            self.oembed = self.oembed or address[:1000]

    def _text(self, text: str) -> None:
        if self._length < _MAX_TEXT:
            self.texts.append(f"{text} ")
            self._length += len(text) + 1
