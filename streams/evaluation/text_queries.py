"""Text-only uploads: names disguised to evade a search, and unrelated texts with similar words."""

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
"""Invented names."""
_UNRELATED = (
    "오늘 날씨가 정말 좋네요, 산책 다녀왔어요",
    "new recipe on my blog: plum cake without sugar",
    "@mirabel_makes pasta tonight",
    "달빛이 예쁜 산책길 추천 좀 해 주세요",
    "the orchard was silent when we arrived",
    "구름이 많은 언덕에서 찍은 사진",
)
_LEET = str.maketrans("aeiost", "43105t")
_CYRILLIC = str.maketrans("aeocpx", "аеосрх")  # noqa: RUF001 - look-alike letters are the disguise
_DISGUISES: dict[str, Callable[[str], str]] = {
    "text_plain": lambda name: name,
    "text_upper": str.upper,
    "text_spaced": " ".join,
    "text_leet": lambda name: name.translate(_LEET),
    "text_confusable": lambda name: name.translate(_CYRILLIC),
    "text_full_width": lambda name: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
    "text_decomposed": lambda name: unicodedata.normalize("NFD", name),
}


def text_queries(named: Sequence[tuple[str, str]], rng: np.random.Generator) -> list[Query]:
    """Return an upload for each disguise of each case's name, and unrelated ones.

    Parameters
    ----------
    named
        Case and name of each.
    """
    templates = ("이거 본 사람? {} 풀버전 구함", "anyone still has {} ?? dm me", "{} link in bio")
    posts = []
    for case, name in named:
        for disguise, write in _DISGUISES.items():
            if write(name) == name and disguise != "text_plain":
                continue  # the disguise changes nothing in this script
            text = templates[rng.integers(len(templates))].format(write(name))
            posts.append(Query(id=f"{case}-{disguise}", text=text, expect=case, transform=disguise))
    unrelated = [Query(id=f"unrelated-text-{n}", text=text, transform="text") for n, text in enumerate(_UNRELATED)]
    return posts + unrelated
