"""Markup is read in linear time, and as browsers read it as far as looks and feeds need."""

from collections.abc import Callable
from time import process_time

import pytest

from streams.links.markup import Piece, pieces

LENGTH = 24 * 1024
HOSTILE = [
    "<", "<a ", "<a b=", '<a b="', "<a b='", "<!--", "<!", "<?", "</", "</a ", "<script>", "<script></", "<title><",
    "&", "&#x", "<![CDATA[", "<a \"'", "<a '\"<b \"'", '"<b ', "<b \"'<b '\"", "<a b c=d ", '<meta content="<" ',
    "<a" + "/" * 99,
]  # fmt: skip


def test_elements_and_texts_come_in_order() -> None:
    markup = """<!DOCTYPE html><!-- <p> --><P Class="a &amp; b" hidden data-x='"' y=1>5 &lt; 6<br/></p>"""
    assert list(pieces(markup)) == [
        Piece("p", {"class": "a & b", "hidden": "", "data-x": '"', "y": "1"}),
        Piece(text="5 < 6"),
        Piece("br"),
        Piece("p", is_end=True),
    ]


def test_scripts_and_titles_hold_no_tags() -> None:
    found = list(pieces('<script type="a">if (a<b) "<p>"</SCRIPT><title>A &amp; <b></title>'))
    assert found[0] == Piece("script", {"type": "a"}, 'if (a<b) "<p>"')
    assert found[2] == Piece("title", {}, "A & <b>")


def test_a_value_may_contain_brackets_and_the_first_of_two_counts() -> None:
    assert list(pieces('<meta content="a > b" content="c">')) == [Piece("meta", {"content": "a > b"})]


@pytest.mark.parametrize("markup", ["<", "a <", "<a", "<a b='", "<!--", "< a>", "<1>", "&#" + "9" * 5000 + ";"])
def test_what_is_no_tag_is_text_or_nothing(markup: str) -> None:
    assert all(not piece.name for piece in pieces(markup))


def cpu_s(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return process_time() - started


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("ending", ["", '">'])
def test_time_is_linear_in_the_length(unit: str, ending: str) -> None:
    """Eight times the length takes about eight times as long; quadratic time would be 64 times."""
    markup = unit * (LENGTH // len(unit)) + ending
    short = min(cpu_s(lambda: list(pieces(markup[: LENGTH // 8] + ending))) for _ in range(2))
    whole = min(cpu_s(lambda: list(pieces(markup))) for _ in range(2))
    assert whole < 30 * short + 0.05
