"""Documents of a pack as PDF."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib.metadata import distribution
from io import BytesIO
from typing import override

from fpdf import FPDF
from fpdf.enums import TableCellFillMode, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from streams.delivery.evidence.blocks import (
    Block,
    Fields,
    Heading,
    Link,
    NewPage,
    Paragraph,
    Pictures,
    Quote,
    Table,
    Value,
    code_point,
    visible,
)

_FONT = "nanumgothic"
_PACKAGE = "koreanize-matplotlib"
"""Carries Nanum Gothic; never imported, because it would import matplotlib."""
_FILES = {"": "NanumGothic.ttf", "B": "NanumGothicBold.ttf"}
"""Files by fpdf's style."""
_SIZES = {1: 17, 2: 13, 3: 11, 4: 10}
_TEXT, _SMALL = 9.5, 8.5
_LINE = 5.0
_GREY, _LINE_GREY, _WHITE = (238, 238, 238), (187, 187, 187), (255, 255, 255)
_SIGNS = str.maketrans({"☑": "[x]", "☐": "[ ]"})
"""Signs of forms that the font lacks."""
_LABEL_WIDTH = 26
_BREAK_MM = 30.0
"""A heading is not left alone at the foot of a page."""
_PICTURE_MM = 55.0

type Thumbnail = Callable[[str], bytes]
"""JPEG of a thumbnail by its SHA-256."""

logging.getLogger("fontTools.subset").setLevel(logging.ERROR)  # it warns of tables that it leaves out


def pdf(title: str, content: Iterable[Block], *, language: str, at: datetime, page: str, thumbnail: Thumbnail) -> bytes:
    """Return a document as PDF; equal content makes equal bytes.

    Parameters
    ----------
    at
        Time of the last record, which is the document's.
    page
        Foot of a page, with {page} for its number.
    """
    document = _Document(page)
    document.set_title(title)
    document.set_lang(language)
    document.set_producer("Jikimi")
    document.set_creation_date(at)
    document.add_page()
    for block in content:
        _write(document, block, thumbnail)
    return bytes(document.output())


class _Document(FPDF):
    def __init__(self, page: str) -> None:
        super().__init__(format="A4")
        self._foot = page
        fonts = distribution(_PACKAGE)
        for style, name in _FILES.items():
            self.add_font(_FONT, style, str(fonts.locate_file(f"koreanize_matplotlib/fonts/{name}")))
        self.set_margins(18, 16)
        self.set_auto_page_break(auto=True, margin=18)
        self.set_draw_color(*_LINE_GREY)
        self.style()

    def style(self, size: float = _TEXT, style: str = "") -> None:
        """Choose the font's size and style."""
        self.set_font(_FONT, style, size)

    def shown(self, text: str) -> str:
        """Return the text in characters that can be seen and that both fonts have, others as [U+…]."""
        seen = visible(text.translate(_SIGNS), lines=True)
        return "".join(c if c == "\n" or self._has(c) else code_point(c) for c in seen)

    def _has(self, character: str) -> bool:
        fonts = (self.fonts[f"{_FONT}{style}"] for style in _FILES)
        return all(isinstance(font, TTFFont) and ord(character) in font.cmap for font in fonts)

    @override
    def footer(self) -> None:
        self.set_y(-12)
        self.style(_SMALL)
        self.cell(0, _LINE, self._foot.format(page=self.page_no()), align="C")
        self.style()


def _write(document: _Document, block: Block, thumbnail: Thumbnail) -> None:
    match block:
        case Heading():
            _heading(document, block)
        case Paragraph():
            _paragraph(document, block)
        case Fields():
            rows = [(label, *_joined(values)) for label, values in block.rows]
            _table(document, (), rows, (_LABEL_WIDTH, 100 - _LABEL_WIDTH))
        case Table():
            _table(document, block.heads, block.rows, block.widths)
        case Quote():
            _quote(document, block)
        case Pictures():
            _pictures(document, block, thumbnail)
        case NewPage():
            if document.get_y() > document.t_margin + 1:
                document.add_page()


def _heading(document: _Document, heading: Heading) -> None:
    if document.will_page_break(_BREAK_MM):
        document.add_page()
    document.ln(2 if heading.level > 1 else 0)
    document.style(_SIZES[heading.level], "B")
    note = f"  ·  {heading.note}" if heading.note else ""
    document.multi_cell(
        0, _LINE * 1.4, document.shown(heading.text + note), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    document.style()
    document.ln(1)


def _paragraph(document: _Document, paragraph: Paragraph) -> None:
    document.set_fill_color(*_GREY)
    document.multi_cell(
        0, _LINE, document.shown(paragraph.text), align="L", fill=paragraph.framed, border=1 if paragraph.framed else 0,
        padding=2 if paragraph.framed else 0,
        new_x=XPos.LMARGIN, new_y=YPos.NEXT,
    )  # fmt: skip
    document.set_fill_color(*_WHITE)
    document.ln(1)


def _joined(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the lines of a field as one value; a link stays one where it is alone."""
    if len(values) == 1:
        return values
    return ("\n".join(value.text if isinstance(value, Link) else value for value in values),)


def _table(
    document: _Document, heads: tuple[str, ...], rows: Iterable[tuple[Value, ...]], widths: tuple[int, ...]
) -> None:
    document.style(_SMALL)
    options = {
        "col_widths": widths, "text_align": "L", "line_height": _LINE * 0.92, "padding": 1,
        "first_row_as_headings": bool(heads), "cell_fill_mode": TableCellFillMode.NONE,
        "headings_style": FontFace(emphasis="BOLD", fill_color=_GREY),
    }  # fmt: skip
    label = FontFace(emphasis="BOLD", fill_color=_GREY)
    with document.table(**options) as table:
        for line in [heads, *rows] if heads else rows:
            row = table.row()
            for column, value in enumerate(line):
                is_label = not heads and column == 0
                row.cell(document.shown(_text(value)), style=label if is_label else None, link=_web(value))
    document.style()
    document.ln(1)


def _text(value: Value) -> str:
    return value.text if isinstance(value, Link) else value


def _web(value: Value) -> str | None:
    """Return the target of a link to the web; one into the pack has no meaning on paper."""
    return value.target if isinstance(value, Link) and value.target.startswith("http") else None


def _quote(document: _Document, quote: Quote) -> None:
    document.style(_SMALL)
    document.multi_cell(
        0, _LINE * 0.92, document.shown(quote.text), align="L", border=1, padding=2, new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    document.style()
    document.ln(1)


def _pictures(document: _Document, pictures: Pictures, thumbnail: Thumbnail) -> None:
    for digest, caption in pictures.pictures:
        if document.will_page_break(_PICTURE_MM):
            document.add_page()
        document.image(BytesIO(thumbnail(digest)), w=_PICTURE_MM, keep_aspect_ratio=True, h=_PICTURE_MM - 12)
        _paragraph(document, Paragraph(f"{caption}  {digest[:16]}…"))
