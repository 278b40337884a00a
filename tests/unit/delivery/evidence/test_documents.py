"""Documents of packs: HTML escaped and well-formed, PDF with a glyph for every character."""

import logging
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import override

import pytest

from streams.delivery.evidence.blocks import Heading, Link, Paragraph, Quote, address, visible
from streams.delivery.evidence.html import html
from streams.delivery.evidence.pdf import pdf
from streams.delivery.evidence.words import words
from tests.unit.made_messages import NOW

_VOID = {"meta", "br", "col", "img"}


class Checker(HTMLParser):
    """Open tags, and every tag and target of links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.targets: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_page_is_well_formed_and_runs_and_loads_nothing(pack: Path, language: str) -> None:
    page = (pack / f"index.{language}.html").read_text()
    checker = checked(page)
    assert page.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert not checker.tags & {"script", "iframe", "object", "link", "form", "img"}
    assert all(re.match(r"https?://|#post-\d+$", target) for target in checker.targets)


def test_hostile_addresses_and_names_are_shown_and_do_nothing(pack: Path) -> None:
    page = (pack / "index.en.html").read_text()
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in page
    assert "&lt;img src=x onerror=alert(2)&gt;" in page
    assert "\u202e" not in page
    assert "moc.elpmaxe[U+202E]example.com[U+200B] \U0001f600" in page
    assert "javascript:alert(1)" in page  # as text: the test above finds no such target


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "at://did:plc:x/y/z", "https://[", ""])
def test_only_addresses_of_the_web_are_links(url: str) -> None:
    assert address(url) == url


def test_an_address_of_the_web_is_a_link() -> None:
    assert address("https://example.org/a?b=c") == Link("https://example.org/a?b=c", "https://example.org/a?b=c")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc 가나 \U0001f600", "abc 가나 \U0001f600"),
        ("a\u202eb\u2066c", "a[U+202E]b[U+2066]c"),
        ("a\0b\tc\nd", "a[U+0000]b[U+0009]c[U+000A]d"),
        ("\ud800", "[U+D800]"),
    ],
)
def test_characters_that_cannot_be_seen_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_quote_keeps_its_lines_and_escapes() -> None:
    page = b"".join(html("t", "en", [Quote("a\n<b>\u202e")])).decode()
    assert "<bdi>a\n&lt;b&gt;[U+202E]</bdi>" in page


def streams_of(document: bytes) -> list[bytes]:
    """Return the inflated streams of a PDF."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            found.append(match[1])
    return found


def characters(document: bytes) -> set[str]:
    """Return the characters that the PDF's fonts map glyphs to, so that its text can be copied and searched."""
    found = set[str]()
    for stream in streams_of(document):
        if b"beginbfchar" in stream or b"beginbfrange" in stream:
            found |= {
                bytes.fromhex(code.decode()).decode("utf-16-be") for code in re.findall(rb"> ?<([0-9A-F]+)>", stream)
            }
    return found


def made_pdf(*content: Paragraph | Heading | Quote) -> bytes:
    return pdf("t", content, language="ko", at=NOW, page="{page}", thumbnail=lambda _: b"")


def test_a_korean_pdf_embeds_a_font_with_every_glyph(pack: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = (pack / "evidence.ko.pdf").read_bytes()
    assert document.startswith(b"%PDF-")
    assert b"NanumGothic" in document
    assert b"FontFile2" in document
    wanted = set(words("ko")("title") + words("ko")("reading_hash")) - {" "}
    assert wanted <= characters(document)
    with caplog.at_level(logging.WARNING, logger="fpdf"):
        made_pdf(
            Heading("삭제 확인"),
            Paragraph("\U0001f600 \u0645\u0631\u062d\u0628\u0627 \u202e ☑ \ufffd"),
            Quote("가\n나"),
        )
    assert caplog.records == []


def test_a_character_without_a_glyph_is_written_as_its_code_point() -> None:
    found = characters(made_pdf(Paragraph("\U0001f600")))
    assert set("[U+1F600]") <= found
    assert "\U0001f600" not in found


def test_a_pdf_of_the_first_posts_says_so(pack: Path) -> None:
    assert words("en")("pdf_limit", count=2, total=3) == (
        "This PDF holds the first 2 of 3 posts. The pages in HTML and the data files hold all of them."
    )
    n_pages = (pack / "evidence.en.pdf").read_bytes().count(b"/Type /Page\n")
    assert n_pages > 2
