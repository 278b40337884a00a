"""Posts of words alone: names as people write them so that a search does not find them, and names that only look so."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from streams.evaluation.manifest import Query

NAMES = (
    "@byeolhaneul_07",
    "달빛산책 브이로그",
    "@mira.makes.things",
    "구름언덕 유출본",
    "silent orchard diary",
    "@juno_kwon99",
)
"""Made up."""
_STRANGERS = (
    "오늘 날씨가 정말 좋네요, 산책 다녀왔어요",
    "new recipe on my blog: plum cake without sugar",
    "@mirabel_makes pasta tonight",
    "달빛이 예쁜 산책길 추천 좀 해 주세요",
    "the orchard was silent when we arrived",
    "구름이 많은 언덕에서 찍은 사진",
)
_LEET = str.maketrans("aeiost", "43105t")
_CYRILLIC = str.maketrans("aeocpx", "аеосрх")  # noqa: RUF001 - the very trick
_WRITINGS: dict[str, Callable[[str], str]] = {
    "text_plain": lambda name: name,
    "text_upper": str.upper,
    "text_spaced": " ".join,
    "text_leet": lambda name: name.translate(_LEET),
    "text_confusable": lambda name: name.translate(_CYRILLIC),
    "text_full_width": lambda name: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
    "text_decomposed": lambda name: unicodedata.normalize("NFD", name),
}


def worded(named: Sequence[tuple[str, str]], chance: np.random.Generator) -> list[Query]:
    """Return a post for each way of writing each case's name, and posts that name nobody.

    Parameters
    ----------
    named
        Case and name.
    """
    around = ("이거 본 사람? {} 풀버전 구함", "anyone still has {} ?? dm me", "{} link in bio")
    posts = []
    for case, name in named:
        for how, write in _WRITINGS.items():
            if write(name) == name and how != "text_plain":
                continue  # the script has no such trick
            text = around[chance.integers(len(around))].format(write(name))
            posts.append(Query(id=f"{case}-{how}", text=text, expect=case, transform=how))
    strangers = [Query(id=f"unrelated-text-{n}", text=text, transform="text") for n, text in enumerate(_STRANGERS)]
    return posts + strangers
