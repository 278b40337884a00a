"""Evidence pack of a case or a takedown: documents, data, manifest and signature."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.audit.signing import fingerprint, public_pem
from streams.delivery.evidence import pack_file
from streams.delivery.evidence.blocks import Block, Heading, Paragraph
from streams.delivery.evidence.context import Context, Source
from streams.delivery.evidence.hashed_events import StoredEvent
from streams.delivery.evidence.history import StoredDelivery, TakedownHistory
from streams.delivery.evidence.html import html
from streams.delivery.evidence.overview import overview
from streams.delivery.evidence.pack_file import PackWriter
from streams.delivery.evidence.pdf import pdf
from streams.delivery.evidence.post_section import anchor, post_section
from streams.delivery.evidence.readme import readme
from streams.delivery.evidence.words import Language, words

POSTS_PER_PAGE = 50
"""Posts of one HTML page; the overview holds them all where there are no more."""


class Written(NamedTuple):
    """What a pack holds."""

    takedowns: int
    events: int
    pdf_posts: int
    """Posts in each PDF."""
    key: str
    """SHA-256 of the public key, hexadecimal."""


def write_pack(
    out: Path,
    source: Source,
    key: Ed25519PrivateKey,
    languages: Sequence[Language],
    *,
    pdf_posts: int,
    signed_at: datetime | None = None,
) -> Written:
    """Write a pack; equal sources make equal bytes, but for the signature and its time.

    Memory is bounded by one page of posts, and by `pdf_posts`.

    Parameters
    ----------
    out
        New folder, or new file that ends in .zip.
    pdf_posts
        Most posts in a PDF, whose pages are all in memory: the first ones; 0 makes no PDF.
    signed_at
        Now by default.

    Raises
    ------
    UsageError
        There is something at that path.
    """
    facts, pem = source.facts, public_pem(key)
    with PackWriter(out) as pack:
        _write_data(pack, source)
        for language in languages:
            _write_documents(pack, Context(source, words(language)), pdf_posts)
        pack.write("README.txt", [readme()])
        pack.write(pack_file.PUBLIC_KEY, [pem])
        _sign(pack, source, key, signed_at or datetime.now(UTC))
    return Written(facts.takedowns, facts.events, min(pdf_posts, facts.takedowns), fingerprint(pem))


def _write_data(pack: PackWriter, source: Source) -> None:
    history = source.history
    pack.write(pack_file.CASE, [msgspec.json.format(msgspec.json.encode(source.facts, order="sorted")) + b"\n"])
    pack.write(pack_file.EVENTS, _lines(event.json for takedown in history.takedowns() for event in takedown.events))
    pack.write(pack_file.CHAINS, _lines(map(_chain, history.takedowns())))
    pack.write(
        pack_file.DELIVERIES,
        _lines(_delivery(step) for takedown in history.takedowns() for step in takedown.deliveries),
    )
    pack.write(pack_file.NOTICES, _lines(history.notices()))
    for digest, jpeg in history.thumbnails():
        pack.write(_thumbnail(digest.hex()), [jpeg])


def _lines(bodies: Iterable[bytes]) -> Iterator[bytes]:
    return (body + b"\n" for body in bodies)


def _chain(takedown: TakedownHistory) -> bytes:
    events = [_chained(event) for event in takedown.events]
    return msgspec.json.encode({"takedown_id": takedown.takedown_id, "events": events, "ignored": takedown.ignored})


def _chained(event: StoredEvent) -> dict[str, object]:
    link: dict[str, object] = {"check": event.check, "hash": event.hash.hex()}
    if not event.key_id:  # an earlier version wrote it
        return link
    return link | {"sequence": event.sequence, "key_id": event.key_id, "signature": event.signature.hex()}


def _delivery(step: StoredDelivery) -> bytes:
    fields = msgspec.to_builtins(step.delivery)
    fields["notice"] = None if step.notice is None else {"sha256": step.notice.hex()}
    return msgspec.json.encode(fields, order="sorted")


def _thumbnail(digest: str) -> str:
    return f"thumbnails/{digest}.jpg"


def _write_documents(pack: PackWriter, context: Context, pdf_posts: int) -> None:
    words, total = context.words, context.source.facts.takedowns
    title, language = words("title"), words.language
    index = f"index.{language}.html"
    if total <= POSTS_PER_PAGE:
        content = chain(overview(context, lambda number: f"#{anchor(number)}"), _sections(context, 1, total))
        pack.write(index, html(title, language, content))
    else:
        pack.write(index, html(title, language, overview(context, lambda number: _place(language, number))))
        for first in range(1, total + 1, POSTS_PER_PAGE):
            _write_page(pack, context, first, min(total, first + POSTS_PER_PAGE - 1))
    if pdf_posts:
        _write_pdf(pack, context, pdf_posts)


def _write_pdf(pack: PackWriter, context: Context, pdf_posts: int) -> None:
    words, source = context.words, context.source
    document = pdf(
        words("title"), _document(context, pdf_posts), language=words.language, at=source.facts.as_of,
        page=words("page"), thumbnail=source.history.thumbnail,
    )  # fmt: skip
    pack.write(f"evidence.{words.language}.pdf", [document])


def _place(language: str, number: int) -> str:
    return f"{_page(language, (number - 1) // POSTS_PER_PAGE * POSTS_PER_PAGE + 1)}#{anchor(number)}"


def _page(language: str, first: int) -> str:
    return f"pages/{first:06}.{language}.html"


def _write_page(pack: PackWriter, context: Context, first: int, last: int) -> None:
    words = context.words
    title = words("pages", first=first, last=last)
    content = chain([Heading(title, 1)], _sections(context, first, last))
    pack.write(_page(words.language, first), html(title, words.language, content, up="../", back=words("back")))


def _sections(context: Context, first: int, last: int) -> Iterator[Block]:
    for takedown in context.source.history.takedowns(first, last):
        yield from post_section(context, takedown)


def _document(context: Context, pdf_posts: int) -> Iterator[Block]:
    """Yield the content of a PDF: the list of posts and their sections, the first ones where there are too many."""
    total = context.source.facts.takedowns
    if total > pdf_posts:
        yield Paragraph(context.words("pdf_limit", count=pdf_posts, total=total), framed=True)
    yield from overview(context, lambda _number: "", last=pdf_posts)
    yield from _sections(context, 1, min(pdf_posts, total))


def _sign(pack: PackWriter, source: Source, key: Ed25519PrivateKey, at: datetime) -> None:
    """Write the manifest, and the statement about it with its signature."""
    pack.write(pack_file.MANIFEST, [manifest(pack.digests)])
    facts = {
        "case": source.facts.case_id,
        "takedowns": source.facts.takedowns,
        "events": source.facts.events,
        "last-record": f"{source.facts.as_of:%Y-%m-%dT%H:%M:%S.%fZ}",
        **({"anchor": source.anchor} if source.anchor else {}),
        "signed-at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    sign(pack, facts, key)


def manifest(digests: dict[str, str]) -> bytes:
    """Return the manifest of these files, as sha256sum -c reads it."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def sign(pack: PackWriter, facts: dict[str, object], key: Ed25519PrivateKey) -> None:
    """Write the statement and its signature, after the manifest."""
    known = facts | {"manifest-sha256": pack.digests[pack_file.MANIFEST], "key-sha256": fingerprint(public_pem(key))}
    lines = [pack_file.FORMAT, *(f"{name}: {' '.join(str(value).split())}" for name, value in known.items())]
    statement = "".join(f"{line}\n" for line in lines).encode()
    pack.write(pack_file.STATEMENT, [statement])
    pack.write(pack_file.SIGNATURE, [key.sign(statement)])
