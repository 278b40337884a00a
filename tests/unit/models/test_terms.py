import pytest

from models.text.terms import DIGEST_BYTES, Named, bare, digests, n_terms, named, term_digests
from models.text.words import normal_tokens

KEY = b"k" * 32


def names(text: str, *terms: str) -> Named:
    known = set[bytes]().union(*(term_digests(term, KEY) for term in terms))
    return named(known, digests(text, KEY))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("어제 민지가 왔다", "민지"),
        ("민지의 영상", "민지"),
        ("김 민 지 유출", "김민지"),
        ("김 민 지가 나온다", "김민지"),
        ("김민지유출영상", "김민지"),
        ("유출김민지영상", "김민지"),
        ("see @Hidden_Cam99 now", "hidden_cam99"),
        ("HIDDEN-CAM99!!!", "@hidden.cam99"),
        ("\uff28\uff49\uff44\uff44\uff45\uff4e\u3000\uff43\uff41\uff4d\uff19\uff19", "hidden cam99"),
        ("hid\u200bden\u00adcam99", "hiddencam99"),
        ("the winter night tape part two of", "Winter Night Tape Part Two"),
        ("STRASSE 12", "straße 12"),
        ("민지가 어제", "\u1106\u1175\u11ab\u110c\u1175"),
        ("hidden_cam99의 영상", "hidden_cam99"),
        ("51l3nt 0rch4rd d14ry link in bio", "silent orchard diary"),
        ("sil\u0435nt \u043erch\u0430rd di\u0430ry", "silent orchard diary"),
    ],
)
def test_a_term_is_found_in_running_text(text: str, term: str) -> None:
    assert names(text, term) == Named(1, 0)


@pytest.mark.parametrize("text", [
    "h1dd3n_c4m99", "h i d d e n c a m 9 9", "híddèn_çãm99", "hhhiddeeen caaam 99", "🅷🅸🅳🅳🅴🅽🅲🅰🅼99",
    "hіddеn_саm99",  # noqa: RUF001 - Cyrillic
    "ʜɪᴅᴅᴇɴ_ᴄᴀᴍ99",  # noqa: RUF001 - small capitals
    "h🔥i🔥d🔥d🔥e🔥n🔥cam99", "hldden_cam99",
])  # fmt: skip
def test_a_disguised_handle_is_found(text: str) -> None:
    assert names(f"who has {text} still", "hidden_cam99") == Named(1, 0)


@pytest.mark.parametrize("text", [
    "ㄱㅣㅁㅁㅣㄴㅈㅣ", "ㄱ ㅣ ㅁ ㅁ ㅣ ㄴ ㅈ ㅣ", "\uffa1\uffdc\uffb1\uffb1\uffdc\uffa4\uffb8\uffdc",
    "기ㅁ미ㄴ지", "김믽ㅣ", "김ㅣㅁㄴ지", "ㄱㄱㅣㅁㅁㅣㄴㅈㅣㅣ", "낌민찌", "김미인지", "김.민.지가", "김🔥민🔥지",
    "김x민x지는", "김ㅋ민ㅋ지ㅋㅋㅋ", "rlaalswl", "kim minji", "Gim Min-ji", "minji kim", "k1m m1nj1",
])  # fmt: skip
def test_a_disguised_name_is_found(text: str) -> None:
    assert names(f"이거 {text} 영상", "김민지") == Named(1, 0)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("ㄱㅁㅈ 유출", "김민지"),
        ("김ㅁㅈ", "김민지"),
        ("이정현 영상", "lee jung hyun"),
        ("alswl", "민지"),
        ("$uj1", "suji"),
    ],
)
def test_a_form_of_many_names_is_weak(text: str, term: str) -> None:
    assert names(text, term) == Named(0, 1)


@pytest.mark.parametrize(("text", "term"), [("김민지 영상", "kim minji"), ("김고은", "Go Eun Kim")])
def test_a_korean_name_in_latin_letters_is_found_in_hangul(text: str, term: str) -> None:
    assert names(text, term) == Named(1, 0)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("지민이가 왔다", "민지"),
        ("지민지가 왔다", "민지"),
        ("김지민 왔다", "김민지"),
        ("지웅ㅋㅋ", "지우"),
        ("ㅋㅋㅋ ㅠㅠ", "김민지"),
        ("hiddencam9900", "hiddencam99"),
        ("one two", "two and one"),
        ("", "민지"),
        ("…!?", "abc"),
    ],
)
def test_a_term_that_is_not_there_is_not_found(text: str, term: str) -> None:
    assert names(text, term) == Named(0, 0)


def test_a_term_counts_once_in_all_its_forms() -> None:
    text = "김민지 kim minji ㄱㅁㅈ rlaalswl hidden_cam99"
    assert names(text, "김민지", "hidden_cam99", "다른사람") == Named(2, 0)
    assert n_terms(term_digests("김민지", KEY) | term_digests("hidden_cam99", KEY)) == 2


def test_a_digest_without_strength_and_group_is_a_separate_strong_term() -> None:
    known = {bare(digest) for digest in term_digests("hidden_cam99", KEY) if digest.startswith(digest[-4:])}
    assert (len(known), n_terms(known)) == (1, 1)
    assert named(known, digests("hidden_cam99", KEY)) == Named(1, 0)


def test_plain_text_has_only_the_forms_of_its_words() -> None:
    assert len(digests("the winter night", KEY)) == 3 + 2 + 1


@pytest.mark.parametrize("term", ["", "김", "ab", "@a_b", "!!!", "a b c d e f", "x" * 65])
def test_a_term_that_cannot_be_searched_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="a term"):
        term_digests(term, KEY)


def test_a_digest_needs_its_key() -> None:
    assert named(term_digests("민지", KEY), digests("민지", b"another key")) == Named(0, 0)


def test_digests_are_short_and_do_not_hold_the_text() -> None:
    found = digests("어제 민지가 왔다", KEY)
    assert {len(digest) for digest in found} == {DIGEST_BYTES}


def test_a_huge_text_gives_a_bounded_number_of_digests() -> None:
    assert len(digests(" ".join(f"가나다라마바사{number}" for number in range(10_000)), KEY)) <= 50_000
    assert len(digests("가" * 100_000, KEY)) < 100


def test_normal_form_folds_case_width_and_punctuation() -> None:
    assert normal_tokens("@Hidden_Cam99, \uff26\uff35\uff2c\uff2c… 민\u200b지가") == ["hiddencam99", "full", "민지가"]
