"""Notices as text and HTML: each law's parts once, in every language, whole and within a limit."""

import re
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pytest

from schemas.messages import CaseKind, Law, Notice
from streams.delivery.notices import render
from streams.delivery.notices.catalogue import languages, read_catalogue
from streams.delivery.notices.laws import ELEMENTS
from streams.delivery.notices.parts import time_text
from streams.delivery.notices.short import LEAST_LIMIT
from tests.unit.delivery.notices.made_notices import (
    BODY,
    EMAIL,
    KINDS,
    LAWS,
    PHONE,
    filer,
    made_takedown,
    notice,
    post,
    text_evidence,
)

MASTODON, BLUESKY = 1_000, 2_000
URL = post(1).url
each_law_and_language = pytest.mark.parametrize(("law", "language"), list(product(LAWS, languages())))


class Visible(HTMLParser):
    """Text of a page between its tags, and its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - a callback
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def values(written: Notice) -> dict[str, str]:
    """Return what the notice says for each part that a law requires."""
    return {
        "location": written.items[0].url,
        "reasons": written.reasons,
        "good_faith": written.good_faith,
        "accuracy": written.accuracy,
        "filer": written.filer.email,
        "signature": read_catalogue(written.language).text(
            "signature.text", name=written.signed_by, at=time_text(written.signed_at)
        ),
    }


@each_law_and_language
def test_each_part_that_a_law_requires_is_there_once(law: Law, language: str) -> None:
    written = notice((law,), language=language)
    for rendered in (render.text(written), Visible(render.html(written)).text):
        for element in ELEMENTS[law]:
            assert rendered.count(values(written)[element]) == 1, element


@each_law_and_language
def test_each_numbered_provision_of_a_law_is_named_once_beside_its_part(law: Law, language: str) -> None:
    provisions = [read_catalogue(language).first(f"provision.{law}.{element}") for element in ELEMENTS[law]]
    text = render.text(notice(LAWS, language=language))
    for provision in filter(None, provisions):
        assert len(re.findall(rf"[\[ ]{re.escape(provision)}[;\]]", text)) == 1, provision


@pytest.mark.parametrize("language", languages())
def test_laws_are_named_and_what_they_ask_of_the_platform_is_requested_in_their_order(language: str) -> None:
    texts, text = read_catalogue(language), render.text(notice(tuple(reversed(LAWS)), language=language))
    for group in ("law", "request"):
        places = [text.index(texts.text(f"{group}.{law}")) for law in LAWS]
        assert places == sorted(places)


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, languages())))
def test_every_kind_renders_in_every_language(kind: CaseKind, language: str) -> None:
    written = notice(LAWS, kind, language=language)
    text, page = render.text(written), render.html(written)
    assert written.reasons in text
    assert read_catalogue(language).text(f"kind.{written.kind}") in render.subject(written)
    assert f'<html lang="{language}">' in page
    assert not re.search(r"[{}]", text)
    assert len(render.subject(written).splitlines()) == 1
    assert URL not in render.subject(written)


@pytest.mark.parametrize(
    ("kind", "minor", "boxes"),
    [
        ("filmed_without_consent", False, "☑☐☐"),
        ("shared_without_consent", False, "☑☐☐"),
        ("synthetic", False, "☐☑☐"),
        ("shared_without_consent", True, "☐☐☑"),
        ("synthetic", True, "☐☑☑"),
    ],
)
def test_the_korean_form_has_its_fields_and_ticks_its_reason(kind: CaseKind, minor: bool, boxes: str) -> None:
    text = render.text(notice(("KR_TBA22_5",), kind, minor=minor, language="ko"))
    assert text.startswith("불법촬영물등 유통 신고·삭제요청서\n")
    (reason,) = re.findall(r"^   사유: .*$", text, re.MULTILINE)
    assert "".join(re.findall("[☑☐]", reason)) == boxes
    assert "구분: ☑\u00a0유통 신고   ☑\u00a0삭제 요청" in text
    assert "제22조의5제1항에 따라" in text
    assert "규제기관에 제출될 수 있음" in text
    for label in ("성명 또는 기관명", "전자우편", "전화번호", "주소(URL)"):
        assert len(re.findall(rf"^   {re.escape(label)}: \S", text, re.MULTILINE)) == 1


def test_a_text_that_names_the_victim_is_no_korean_form_and_cites_other_articles() -> None:
    text = render.text(notice(LAWS, "personal_data", language="ko"))
    assert "불법촬영물" not in text
    assert "제44조의2" in text
    assert "제22조의5" not in text
    assert "TAKE IT DOWN" not in text


def test_a_bundle_is_one_notice_with_every_post() -> None:
    written = notice(takedowns=[made_takedown(number) for number in range(1, 41)], known_copies=["https://c.example/9"])
    text = render.text(written)
    assert [text.count(post(number).url + "\n") for number in range(1, 41)] == [1] * 40
    assert text.count("https://c.example/9") == 1
    assert text.count(written.good_faith) == text.count(EMAIL) == 1


def test_a_repeated_notice_and_a_review_by_a_person_are_stated() -> None:
    first, second = notice(), notice(attempt=2, confirmed_by="officer-3")
    assert "earlier notices" not in render.text(first)
    assert "No person reviewed" in render.text(first)
    assert "earlier notices" in render.text(second)
    assert "A person has reviewed" in render.text(second)
    assert "officer-3" not in render.text(second)


@pytest.mark.parametrize(("law", "language", "limit"), list(product(LAWS, languages(), (MASTODON, BLUESKY))))
def test_a_short_notice_keeps_link_id_law_and_contact(law: Law, language: str, limit: int) -> None:
    written = notice((law,), language=language, takedowns=[made_takedown(number) for number in range(1, 31)])
    text = render.text(written, limit)
    assert len(text) <= limit
    assert read_catalogue(language).text(f"law_short.{law}") in text
    for part in (URL, written.notice_id, written.good_faith, BODY, EMAIL, PHONE, "29"):
        assert part in text


def test_a_notice_of_one_post_states_all_that_us_law_requires_within_mastodons_limit() -> None:
    for language in languages():
        written = notice(("US_TIDA",), language=language)
        text = render.text(written, MASTODON)
        assert all(values(written)[element] in text for element in ELEMENTS["US_TIDA"]), language


def test_a_short_notice_without_its_filer_has_no_line_for_one() -> None:
    assert "Notifier" not in render.text(notice(("EU_DSA16",), minor=True), MASTODON)


def test_a_text_within_the_limit_stays_whole() -> None:
    written = notice()
    assert render.text(written, 100_000) == render.text(written)


def test_a_url_longer_than_the_limit_is_cut_and_the_rest_stays() -> None:
    written = notice(LAWS, takedowns=[made_takedown(post=post(url=f"https://long.example/{'x' * 5_000}"))])
    text = render.text(written, MASTODON)
    assert len(text) <= MASTODON
    assert "https://long.example/xxx" in text
    assert written.notice_id in text
    assert "…" in text


def test_a_limit_too_small_for_a_notice_is_refused() -> None:
    assert len(render.text(notice(LAWS, language="vi"), LEAST_LIMIT)) <= LEAST_LIMIT
    with pytest.raises(ValueError, match="300 characters"):
        render.text(notice(), LEAST_LIMIT - 1)


HOSTILE = [
    ("author", "x\nNotifier: nobody"),
    ("author", "x\u2028Notifier: nobody"),
    ("author", "\u202eetan"),
    ("url", "https://a.example/\r\nNotifier: nobody"),
    ("url", "https://a.example/ Notifier: nobody"),
    ("author", "<script>alert(1)</script>"),
    ("url", 'https://a.example/"><script>alert(1)</script>'),
    ("url", "https://a.example/\u202e\ud800"),
]


@pytest.mark.parametrize(("field", "text"), HOSTILE)
def test_what_a_stranger_wrote_neither_forges_a_line_nor_enters_the_page(field: str, text: str) -> None:
    changes: dict[str, Any] = {field: text}
    written = notice(takedowns=[made_takedown(post=post(platform="board", **changes))])
    plain = notice(takedowns=[made_takedown(post=post(platform="board"))])
    rendered = render.text(written)
    assert len(rendered.splitlines()) == len(render.text(plain).splitlines())
    assert not re.search(r"^Notifier: nobody", rendered, re.MULTILINE)
    assert "\u202e" not in rendered
    assert Visible(render.html(written)).tags == Visible(render.html(plain)).tags


def test_a_page_loads_nothing_from_elsewhere() -> None:
    page = render.html(notice(LAWS, known_copies=["https://c.example/9"]))
    assert not {"script", "img", "link", "iframe", "object"} & set(Visible(page).tags)
    assert "url(" not in page
    assert "@import" not in page


def test_a_text_alone_is_described_without_the_text() -> None:
    written = notice(("EU_DSA16",), takedowns=[made_takedown(evidence=[text_evidence()])])
    assert "are not repeated here" in render.text(written)
    assert filer().body in render.text(written)
