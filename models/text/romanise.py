"""Romanisation of Korean names and its inverse.

Syllable by syllable, as names in the Revised Romanization of Korean (2000), with other common spellings: kim for gim,
lee for i, jung for jeong, soo for su. Sound changes between syllables are not written in names.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import islice, product

_INITIALS = "g k,kk,n,d,tt,r l,m,b,pp,s,ss,,j,jj,ch,k,t,p,h"
_VOWELS = "a,ae,ya,yae,eo u,e,yeo you yu,ye,o,wa,wae,oe,yo,u oo,wo,we,wi,yu yoo,eu u,ui ee,i ee"
_FINALS = ",k,k,k,n,n,n,t,l,k,m,l,l,l,p,l,m,p,p,t,t,ng,t,t,k,t,p,t"
"""Spellings of each jamo, in Unicode's order; that of the Revised Romanization first."""
_SPELT = {"우": "woo", "이": "lee yi", "아": "ah", "서": "suh", "영": "young", "현": "hyun", "희": "hee", "의": "eui"}
"""Spellings of syllables in given names, in addition to those of their jamo."""

_SURNAMES = (
    "김 kim gim, 이 lee yi rhee li, 박 park bak pak, 최 choi choe, 정 jung jeong chung, 강 kang gang, "
    "조 cho jo, 윤 yoon yun, 장 jang chang, 임 lim im rim yim, 한 han, 오 oh o, 서 seo suh, 신 shin sin, "
    "권 kwon gwon, 황 hwang, 안 ahn an, 송 song, 전 jeon jun chun, 홍 hong, 유 yoo yu you, 류 ryu ryoo, "
    "고 ko go koh, 문 moon mun, 양 yang, 손 son sohn, 배 bae pae, 백 baek paik, 허 heo hur huh, 남 nam, "
    "심 shim sim, 노 noh no roh, 하 ha, 곽 kwak gwak, 성 sung seong, 차 cha, 주 joo ju, 우 woo u, "
    "구 koo gu ku, 민 min, 진 jin, 나 na, 지 ji, 엄 um eom, 채 chae, 원 won, 천 cheon chun, 방 bang, "
    "공 kong gong, 현 hyun hyeon, 함 ham, 여 yeo, 염 yeom, 변 byun byeon, 추 choo chu, 도 do, 소 so, "
    "석 seok suk, 선 sun seon, 설 seol, 마 ma, 길 gil kil, 연 yeon, 표 pyo, 명 myung myeong, 기 ki gi, "
    "반 ban, 금 keum geum, 탁 tak, 은 eun, 남궁 namgoong namgung, 황보 hwangbo, 제갈 jegal, "
    "선우 sunwoo seonu, 독고 dokgo"
)
SURNAMES = {surname: spelt for surname, *spelt in map(str.split, _SURNAMES.split(","))}
"""Common surnames and their spellings, the usual one first."""
_GIVEN = (
    "가강건경고관광교구국권규근금기길나남노다단달담대덕도동두라란람래려련령로록룡루류륜률리린림마만말명모무문"
    "미민배백범벽별병보복봉부빈사산상새샘서석선설섭성세소솔송수숙순슬승시식신아안애양언여연열영예오옥온완용우"
    "욱운웅원월위유윤율으은의이인일임자장재전정제조종주준중지진찬창채천철청초춘충치태택하학한해향헌혁현형혜호"
    "홍화환회효후훈휘흥희"
)
"""Syllables that given names are made of."""
_MOST_SPELLINGS = 96
_MOST_READINGS = 24
_NAME = range(2, 5)


def spellings(name: str) -> list[str]:
    """Return the spellings of a Hangul name in Latin letters, with the surname first and last.

    At most 96, the usual ones first; one if the name does not have two to four syllables.
    """
    if len(name) not in _NAME:
        return ["".join(_of(syllable)[0] for syllable in name)]
    found: dict[str, None] = {}
    for surname, given in surname_and_given(name):
        fronts = SURNAMES[surname] if surname else [""]
        for front, *parts in product(fronts, *map(_of, given)):
            back = "".join(parts)
            found |= dict.fromkeys((front + back, back + front))
    return list(islice(found, _MOST_SPELLINGS))


def readings(words: list[str]) -> list[str]:
    """Return the Hangul names that Latin words may stand for, surname first or last; none if they are no Korean name.

    At most 24; an ambiguous spelling has many.
    """
    found: dict[str, None] = {}
    for surname, given in ((words[0], words[1:]), (words[-1], words[:-1])):
        if len(words) > 1:
            names = (front + back for front in _surnames().get(surname, ()) for back in _given("".join(given)))
            found |= dict.fromkeys(islice(names, _MOST_READINGS))
    return list(found)[:_MOST_READINGS]


def surname_and_given(name: str) -> Iterator[tuple[str, str]]:
    """Yield the possible surnames and given names; a name of two syllables is a given name alone."""
    for length in (1, 2):
        if name[:length] in SURNAMES and len(name) - length in (1, 2, 3) and len(name) > _NAME.start:
            yield name[:length], name[length:]
    if len(name) == _NAME.start or name[0] not in SURNAMES:
        yield "", name


@cache
def _of(syllable: str) -> list[str]:
    """Return the spellings of one syllable, that of the Revised Romanization first."""
    initial, vowel, *final = list(unicodedata.normalize("NFD", syllable))
    parts = (_INITIALS.split(",")[ord(initial) - 0x1100], _VOWELS.split(",")[ord(vowel) - 0x1161])
    end = _FINALS.split(",")[ord(final[0]) - 0x11A7] if final else ""
    choices = [part.split() or [""] for part in parts]
    found = [one + other + end for one, other in product(*choices)]
    return list(dict.fromkeys([*found, *_SPELT.get(syllable, "").split()]))


@cache
def _surnames() -> dict[str, list[str]]:
    by_spelling: dict[str, list[str]] = defaultdict(list)
    for surname, spelt in SURNAMES.items():
        for spelling in spelt:
            by_spelling[spelling].append(surname)
    return by_spelling


@cache
def _syllables() -> dict[str, list[str]]:
    by_spelling: dict[str, list[str]] = defaultdict(list)
    for syllable in _GIVEN:
        for spelling in _of(syllable):
            by_spelling[spelling].append(syllable)
    return by_spelling


def _given(word: str, syllables: int = 3) -> Iterator[str]:
    """Yield the given names of one to three syllables that a Latin word may stand for."""
    if not word:
        yield ""
    for length in range(1, len(word) + 1) if syllables else ():
        for first in _syllables().get(word[:length], ()):
            for rest in _given(word[length:], syllables - 1):
                yield first + rest
