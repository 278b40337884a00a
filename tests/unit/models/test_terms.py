import pytest

from models.text.terms import DIGEST_BYTES, digests, normal_tokens, term_digests

KEY = b"k" * 32


def names(text: str, term: str) -> bool:
    return bool(term_digests(term, KEY) & digests(text, KEY))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("어제 민지가 왔다", "민지"),
        ("민지의 영상", "민지"),
        ("김 민 지 유출", "김민지"),
        ("김민지유출영상", "김민지"),
        ("see @Hidden_Cam99 now", "hidden_cam99"),
        ("HIDDEN-CAM99!!!", "@hidden.cam99"),
        ("\uff28\uff49\uff44\uff44\uff45\uff4e\u3000\uff43\uff41\uff4d\uff19\uff19", "hidden cam99"),
        ("hid\u200bden\u00adcam99", "hiddencam99"),
        ("the winter night tape part two of", "Winter Night Tape Part Two"),
        ("STRASSE 12", "straße 12"),
        ("민지가 어제", "\u1106\u1175\u11ab\u110c\u1175"),
    ],
)
def test_a_term_is_found_in_running_text(text: str, term: str) -> None:
    assert names(text, term)


@pytest.mark.parametrize(
    ("text", "term"),
    [("지민이가 왔다", "민지"), ("hiddencam9900", "hiddencam99"), ("one two", "two one"), ("", "민지"), ("…!?", "abc")],
)
def test_a_term_that_is_not_there_is_not_found(text: str, term: str) -> None:
    assert not names(text, term)


@pytest.mark.parametrize("term", ["", "김", "ab", "@a_b", "!!!", "a b c d e f", "x" * 65])
def test_a_term_that_cannot_be_looked_for_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="a term"):
        term_digests(term, KEY)


def test_a_digest_needs_its_key() -> None:
    assert not term_digests("민지", KEY) & digests("민지", b"another key")


def test_digests_are_short_and_do_not_hold_the_text() -> None:
    found = digests("어제 민지가 왔다", KEY)
    assert {len(digest) for digest in found} == {DIGEST_BYTES}


def test_a_huge_text_gives_a_bounded_number_of_digests() -> None:
    assert len(digests(" ".join(f"가나다라마바사{number}" for number in range(100_000)), KEY)) <= 5 * 2000
    assert len(digests("가" * 1_000_000, KEY)) < 100


def test_normal_form_folds_case_width_and_punctuation() -> None:
    assert normal_tokens("@Hidden_Cam99, \uff26\uff35\uff2c\uff2c… 민\u200b지가") == ["hiddencam99", "full", "민지가"]
