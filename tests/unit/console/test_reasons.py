"""Reasons of a verdict in both languages: each form that fusion writes is known here."""

import pytest

from models.fusion.features import explanation
from schemas.messages import Contribution, Evidence, Interval, Passage
from streams.console.pages.reasons import shown_reason
from streams.console.words import words
from streams.fusion.looks import Looks
from tests.unit.console.made_site import evidence
from tests.unit.fusion.test_looks import add, at, first_pass, new_state

AT = Interval(start_s=3, end_s=3)
FORMS: list[tuple[Evidence, bool, str]] = [
    (evidence(), False, "화면이 intro.mp4과(와) 일치, 23.0초 동안, 2개 구간, 점수 0.93"),
    (
        evidence(passages=[]),
        True,
        "화면이 intro.mp4과(와) 일치, 12.0초 동안, 점수 0.93, 화면과 소리가 같은 곳을 가리킴",
    ),
    (evidence(passages=[], query=AT), False, "화면이 intro.mp4과(와) 일치, 점수 0.93"),
    (
        evidence(passages=[], query=AT, reference=AT, score=0.75),
        False,
        "화면이 intro.mp4과(와) 일치, 점수 0.75, 시점은 알 수 없음(같은 장소의 다른 영상도 일치할 수 있음)",
    ),
    (
        evidence(passages=[Passage(query=AT, reference=AT, score=0.75)] * 3, query=AT, score=0.82),
        False,
        "화면이 intro.mp4과(와) 일치, 사진 3장, 점수 0.82",
    ),
    (evidence(modality="audio", passages=[]), False, "소리가 intro.mp4과(와) 일치, 12.0초 동안, 점수 0.93"),
    (evidence(modality="text", terms=1), False, "이 사건의 검색어를 찾았습니다."),
    (evidence(modality="text", terms=3), False, "이 사건의 검색어 3개를 찾았습니다."),
    (evidence(modality="text"), False, "이 사건의 문장과 비슷한 표현, 점수 0.93"),
    (evidence(modality="voice"), False, "intro.mp4의 목소리와 비슷함, 사람의 판단이 필요함, 점수 0.93"),
]


@pytest.mark.parametrize(("piece", "agrees", "sentence"), FORMS)
def test_a_reason_of_fusion_is_shown_in_the_language_of_the_page(piece: Evidence, agrees: bool, sentence: str) -> None:
    reason = Contribution(modality=piece.modality, added=1.0, why=explanation(piece, agrees=agrees))
    korean = shown_reason(words("ko"), reason, {"reference-1": "intro.mp4"})
    assert (korean.text, korean.is_english, korean.is_for) == (sentence, False, True)
    assert not shown_reason(words("en"), reason, {}).is_english


def test_a_missing_second_look_is_shown_in_the_language_of_the_page() -> None:
    (reason,) = without_answer().shortfalls()
    korean = shown_reason(words("ko"), reason, {})
    assert korean.text == "다시 확인하지 못함: 파일 1, 15-35초 (no answer in time)"
    assert not korean.is_english


def without_answer() -> Looks:
    state = new_state()
    add(state, first_pass(at(20, 30)))
    state.looks.give_up()
    return state.looks


def test_a_reason_of_another_version_stays_as_it_is_and_is_marked_as_english() -> None:
    reason = Contribution(modality="visual", added=-1.0, why="several pictures in order")
    shown = shown_reason(words("ko"), reason, {})
    assert (shown.text, shown.is_english, shown.is_for) == ("several pictures in order", True, False)
