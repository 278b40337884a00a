"""What is embedded in a Bluesky post: media, and the words of link cards.

Embeds are an open union: one of an unknown type, or a medium that cannot be read, is noted for a dead letter beside
the post, because it may hold media.
"""

from urllib.parse import quote, urlencode

from schemas.messages import Medium
from streams.feeds.fields import Fields
from streams.feeds.media_kinds import kind_of

ENTRYWAY = "https://bsky.social"
"""Serves the blobs of every account that Bluesky hosts itself."""

_PREFIX = "app.bsky.embed."
_KINDS = {"video", "image", "audio"}
_MAX_DEPTH = 8
_MAX_LINK = 512
"""Characters of the id of a blob."""


class Embed:
    """The embed of a record.

    Parameters
    ----------
    record
        The record; its notes get what cannot be read.
    did
        Account that holds the blobs.
    pds
        Server whose getBlob serves them.
    """

    def __init__(self, record: Fields, did: str, pds: str) -> None:
        self.media: list[Medium] = []
        self.texts: list[str] = []
        self._notes = record.notes
        self._did, self._pds = did, pds
        if record.has("embed"):
            self._read(record, "embed")

    def _read(self, parent: Fields, name: str) -> None:
        if not isinstance(parent.raw(name), dict):
            self._notes.add_unread("feed_embed_unreadable", f"{name}: not an object")
            return
        embed = parent.within(name)
        match embed.text("$type").partition("#")[0].removeprefix(_PREFIX):
            case "images":
                self._read_items(embed, "images")
            case "gallery":
                self._read_items(embed, "items")
            case "video":
                self._read_video(embed)
            case "external":
                self._read_card(embed.within("external"))
            case "record":
                pass  # a quoted post, which is an event of its own
            case "recordWithMedia" if name == "embed":
                self._read(embed, "media")
            case other:
                self._notes.add_unread("feed_embed_unknown", f"an embed of type {other[:100]!r}")
                self._read_blobs(embed)

    def _read_items(self, embed: Fields, name: str) -> None:
        """Read pictures, and items of a gallery, each of which may be of a type that does not exist yet."""
        if not isinstance(items := embed.raw(name), list):
            self._notes.add_unread("feed_embed_unreadable", f"{name}: not a list")
            return
        if any(not isinstance(item, dict) for item in items):
            self._notes.add_unread("feed_embed_unreadable", f"{name}: an item that is not an object")
        for item in embed.each(name):
            kind = "video" if item.has("video") else "image"
            self._add(item, kind, kind, item.text("alt"))

    def _read_video(self, embed: Fields) -> None:
        self._add(embed, "video", "video", embed.text("alt"))
        for caption in embed.each("captions"):
            self._add(caption, "file", "captions", "")

    def _read_card(self, card: Fields) -> None:
        uri = card.text("uri")
        self.texts += [uri, card.text("title"), card.text("description")]
        if (kind := kind_of(uri)) is not None:  # as the app embeds its animated pictures
            self.media.append(Medium(url=uri, kind=kind, alt=card.text("description")))
        if card.has("thumb"):
            self._add(card, "thumb", "image", "")

    def _read_blobs(self, embed: Fields, depth: int = 0) -> None:
        """Read the media of an embed of an unknown type, wherever they are in it."""
        for inner in embed.objects() if depth < _MAX_DEPTH else ():
            kind = inner.text("mimeType").partition("/")[0]
            if kind in _KINDS:
                self._add_blob(inner, kind, embed.text("alt"))
            else:
                self._read_blobs(inner, depth + 1)

    def _add(self, parent: Fields, name: str, kind: str, alt: str) -> None:
        if isinstance(parent.raw(name), dict):
            self._add_blob(parent.within(name), kind, alt)
        else:
            self._miss(kind, alt)

    def _add_blob(self, blob: Fields, kind: str, alt: str) -> None:
        if not (link := _link(blob)):
            self._miss(kind, alt)
            return
        query = urlencode({"did": self._did, "cid": link}, quote_via=quote, safe=":")
        url = f"{self._pds}/xrpc/com.atproto.sync.getBlob?{query}"
        self.media.append(Medium(url=url, kind=kind, alt=alt))

    def _miss(self, kind: str, alt: str) -> None:
        self._notes.add_unread("feed_embed_unreadable", f"{kind} without a link to its bytes")
        self.texts.append(alt)


def _link(blob: Fields) -> str:
    """Return the CID of a blob, empty if there is none: as in JSON, as in DAG-JSON, or as in old records."""
    ref = blob.raw("ref")
    if isinstance(ref, dict):
        ref = ref.get("$link") or ref.get("/")
    found = ref or blob.raw("cid")
    return found if isinstance(found, str) and len(found) <= _MAX_LINK else ""
