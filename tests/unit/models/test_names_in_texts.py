"""Names in texts as people write them, in all scripts; the first come from public reports."""
# ruff: noqa: RUF001 - letters of all scripts are the point

from pathlib import Path

import pytest

from models.text.terms import DIGEST_BYTES, Named, digests, n_terms, named, term_digests

KEY = b"k" * 32
DATA = Path(__file__).parents[2] / "data"


def rows(what: str) -> list[tuple[str, str]]:
    """Return term and text: those of public reports first, then others of the same kinds."""
    files = ("text_names_missed_and_false_alarms.tsv", "names_in_texts.tsv")
    lines = [line.split("\t") for file in files for line in (DATA / file).read_text("utf-8").splitlines()[1:]]
    return [(term, text) for kind, term, text in lines if kind == what]


def names(term: str, text: str) -> Named:
    return named(term_digests(term, KEY), digests(text, KEY))


@pytest.mark.parametrize(("term", "text"), rows("miss"))
def test_a_name_is_found_however_it_is_written(term: str, text: str) -> None:
    assert names(term, text) == Named(1, 0)


@pytest.mark.parametrize(("term", "text"), rows("other"))
def test_another_name_is_not_found(term: str, text: str) -> None:
    assert names(term, text) == Named(0, 0)


@pytest.mark.parametrize(("term", "text"), rows("alarm"))
def test_a_common_word_is_no_name(term: str, text: str) -> None:
    assert names(term, text).surely == 0


@pytest.mark.parametrize(
    "term", ["이나라", "한송이", "정보라", "Andor", "Rose", "@summer", "高兴", "Любовь", "나라", "will young"]
)
def test_a_term_that_is_a_common_word_is_weak_in_every_form(term: str) -> None:
    assert names(term, f"see {term} now") == Named(0, 0, 1)
    assert n_terms(term_digests(term, KEY)) == 1


@pytest.mark.parametrize(
    "term", ["이지은", "하나은", "김민지", "Jane Roe", "hidden_cam99", "王小明", "winter night tape"]
)
def test_a_name_that_resembles_words_is_found_as_a_word(term: str) -> None:
    assert names(term, f"see {term} now") == Named(1, 0)


def test_an_earlier_reader_takes_a_common_word_for_a_weak_form_of_one_term() -> None:
    found = term_digests("Rose", KEY)
    assert {digest[DIGEST_BYTES] for digest in found} == {0}
    assert len({digest[DIGEST_BYTES + 1 :] for digest in found}) == 1


EARLIER = {
    "see Jane Roe now": ("6edea24a7d11767201cc9f3106722edc01717148cf 717148cf8dc24e20092871fc58708deb01717148cf "),
    "민지가 왔다": (
        "3bdff54086f6a0f24a03dfc231d636e7004e1a453d "
        "4e1a453d90afae91d6c699c374c3a928014e1a453d "
        "5943e800126a7310d053b886c842682a004e1a453d "
        "64da38ef28a05a334e76282a7981ade9004e1a453d "
        "6b87e58be8ccd328ae6ef5c28f32a7fc004e1a453d "
        "84df4a92ba49419b8571c21c573fce22014e1a453d "
        "a3154bc0f7dfa5b7fb9aabbbe8f1a668004e1a453d "
        "b67b0d0e91d09bf59af414e711edb184004e1a453d "
        "ce5cd38dfdbe8a9dcee94efac3e82260004e1a453d "
        "fdb9b84f69c8861eac23d8ac0900bb16004e1a453d "
    ),
    "สมชาย ใจดี": ("5a124125584ab6c2fb119f0ffd75b75c015a124125 "),
}
"""Digests of the term in each text, "Jane Roe", "민지" and the whole, as the version before marks wrote them."""


@pytest.mark.parametrize("text", EARLIER)
def test_a_case_opened_by_an_earlier_version_is_found(text: str) -> None:
    known = [bytes.fromhex(digest) for digest in EARLIER[text].split()]
    assert named(known, digests(text, KEY)) == Named(1, 0)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("张伟明", "谁有張偉明的视频"),
        ("張偉明", "谁有张伟明的视频"),
        ("歐陽綺霏", "看看欧阳绮霏吧"),
        ("陳雲嵐", "陈云岚"),
        ("张伟明", "#張偉明視頻"),
    ],
)
def test_a_chinese_name_is_one_in_simplified_and_traditional_characters(term: str, text: str) -> None:
    assert names(term, text) == Named(1, 0)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Jane Roe", "the video of Roe Jane please"),
        ("Jane Roe", "#RoeJane"),
        ("Mary Jane Roe", "Roe Mary Jane"),
        ("Nguyễn Ngọc Ánhvy", "video Ngoc Anhvy Nguyen"),
        ("Алёна Соловейко", "видео Соловейко Алена"),
    ],
)
def test_a_name_with_its_parts_exchanged_is_found_without_a_comma(term: str, text: str) -> None:
    assert names(term, text) == Named(1, 0)


@pytest.mark.parametrize("text", ["Roe and Jane", "Jane, and later Roe", "Roes Jane", "Roe Janet", "Mary Roe Ann Jane"])
def test_parts_of_a_name_that_do_not_stand_side_by_side_are_no_name(text: str) -> None:
    assert names("Jane Roe", text) == Named(0, 0)


def test_exchanged_parts_that_are_ordinary_words_are_no_proof() -> None:
    assert names("Mary Rose", "the video of mary rose").surely == 1
    assert names("Mary Rose", "bread with rosemary").surely == 0


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Dvořáček", "kdo má video Dvořáčka"),
        ("Petr Novák", "viděl jsem Petra Nováka"),
        ("Eva Nováková", "to je video Evy Novákové"),
        ("Marek Dvořák", "s Markem Dvořákem"),
        ("Jan Kowalski", "film Jana Kowalskiego"),
        ("Jan Kowalski", "rozmowa z janem kowalskim"),
        ("Anna Nowak", "film Anny Nowak"),
        ("Paweł Mróz", "widziałem Pawła Mroza"),
        ("Снегирёв", "с Снегирёвым"),
        ("Иван Петров", "видео Ивана Петрова"),
        ("Мария Снегирёва", "видео Марии Снегирёвой"),
        ("Тарас Шевченко", "відео Тараса Шевченка"),
    ],
)
def test_a_declined_slavic_name_may_be_the_name(term: str, text: str) -> None:
    assert names(term, text) == Named(0, 1)


@pytest.mark.parametrize(("term", "text"), [("Novák", "video Nováka"), ("Новак", "с Новаком")])
def test_a_declined_name_that_is_common_is_as_common(term: str, text: str) -> None:
    assert names(term, text) == Named(0, 0, 1)


@pytest.mark.parametrize(
    ("term", "text"),
    [("Novák", "Nováček"), ("Jane Roe", "Janea Roea"), ("Jan Kowalski", "Jana Kowalska")],
)
def test_other_words_are_no_declined_name(term: str, text: str) -> None:
    assert names(term, text) == Named(0, 0)
