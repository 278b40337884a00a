"""Texts that name somebody, texts that name somebody else, and the names, in eleven languages; all invented."""
# ruff: noqa: RUF001 - letters of all scripts are the point

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NAMES = {
    "en": "Jane Roe, Mary Fenwick, Oliver Thornbury, @hidden_lark97",
    "de": "Änne Müßig, Jürgen Größler, Käthe Österlein, @mondkatze_88",
    "pl": "Paweł Wałęsik, Żaneta Łącka, Świętosław Mróz, @kotka_luna12",
    "tr": "Işıl Güneşoğlu, Çağrı Öztürkmen, Şule Yıldızhan, @ay_tozu41",
    "vi": "Lê Thị Hồngan, Đặng Ngọc Ánhvy, Phạm Quỳnh Nhưý, @trang_suong09",
    "ru": "Алёна Соловейко, Артём Жаворонцев, Фёкла Снегирёва, @zimnyaya_lisa7",
    "ar": "أمينة الحسناوي, رؤى مصطفاوي, فؤاد القنديلي, @layl_hadi33",
    "zh": "王晓茗, 欧阳绮霏, 谭梓萱, @yueguang_mao5",
    "ja": "田中さゆ莉, 佐伯みのん, 鷹司ユラ子, @tsukino_neko55",
    "ko": "김민지, 박서연, 최다온슬, @byeol_haneul07",
    "th": "สมหญิง ใจงามยิ่ง, ปาณิสรา ทองเนื้อ, ณัฐวรา แสงเพชร, @dao_lom22",
}
"""Three names and a handle of each language."""
_SENTENCES = {
    "en": "who still has the video of {}? please",
    "de": "wer hat noch das Video von {}? bitte",
    "pl": "kto ma jeszcze film {}? proszę",
    "tr": "bu video {} mi? lütfen gönderin",
    "vi": "ai còn video của {} không? cho xin",
    "ru": "у кого осталось видео {}? пришлите",
    "ar": "من عنده فيديو {} ؟ رجاء",
    "zh": "谁还有{}的视频,请发一下",
    "ja": "昨日の{}の動画を持っている人いますか",
    "ko": "혹시 {}의 영상 가지고 계신 분",
    "th": "ใครมีคลิปของ{}บ้าง ขอหน่อย",
}
_COMMON = {
    "en": "Rose, Andor, Will Young",
    "de": "Engel, Stern",
    "pl": "Nadzieja, Róża",
    "tr": "Deniz, Umut",
    "vi": "Hoa, Mai",
    "ru": "Надежда, Вера",
    "ar": "نور, سلام",
    "zh": "高兴, 明天",
    "ja": "さくら, ひかり",
    "ko": "이나라, 한송이, 정보라, 하나은, 이지은",
    "th": "ฟ้า, ดาว",
}
"""Terms that are words: they are searched in innocent texts with the names."""
_CYRILLIC = str.maketrans("aeiocpxy", "аеіосрху")
_TRADITIONAL = str.maketrans("晓欧阳绮谭", "曉歐陽綺譚")
_FOLDED = str.maketrans("łđøıßŁĐØİæё", "ldoisLDOIeе")


class Line(NamedTuple):
    """One text and a term."""

    language: str
    kind: str
    term: str
    text: str
    names_it: bool


def _bare(name: str) -> str:
    parts = unicodedata.normalize("NFD", name.replace("ß", "ss").translate(_FOLDED))
    return unicodedata.normalize("NFC", "".join(one for one in parts if unicodedata.category(one) != "Mn"))


def _without_accents(name: str) -> str:
    if re.search("[а-яё]", name):
        return name.replace("ё", "е").replace("Ё", "Е")
    return _bare(name) if re.search("[a-zA-Zأإآؤ]", name) else name


def _tag(name: str) -> str:
    return "#" + "".join(word[:1].upper() + word[1:] for word in name.removeprefix("@").split()) + "Leak"


def _flags(name: str) -> str:
    letters = _bare(name).lower()
    if not letters.replace(" ", "").isascii() or letters.startswith("@"):
        return name
    return "".join(chr(0x1F1E6 + ord(one) - ord("a")) if "a" <= one <= "z" else one for one in letters)


_KINDS: dict[str, Callable[[str], str]] = {
    "plain": lambda name: name,
    "upper case": str.upper,
    "quotes": lambda name: f"“{name}”",
    "bracket": lambda name: f"({name})",
    "comma and another": lambda name: f"{name},abc",
    "slash": lambda name: f"abc/{name}/abc",
    "dots": lambda name: f"{name}...full",
    "possessive": lambda name: f"{name}'s",
    "emoji": lambda name: f"🔥{name}🔥",
    "tag": _tag,
    "address": lambda name: f"https://example.com/{name.removeprefix('@').replace(' ', '-')}/clip?x=1",
    "other server": lambda name: f"{name}@example.social" if name.startswith("@") else name,
    "order": lambda name: ", ".join((name.split()[-1], " ".join(name.split()[:-1]))) if " " in name else name,
    "order, no comma": lambda name: " ".join((name.split()[-1], *name.split()[:-1])),
    "traditional": lambda name: name.translate(_TRADITIONAL),
    "no accents": _without_accents,
    "joined": lambda name: name.replace(" ", ""),
    "spelt out": lambda name: " ".join(name.removeprefix("@").replace(" ", "").replace("_", "")),
    "zero width": "\u200b".join,
    "override": lambda name: f"\u202e{name[::-1]}\u202c",
    "full width": lambda name: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
    "look-alikes": lambda name: name.translate(_CYRILLIC),
    "leet": lambda name: name.translate(str.maketrans("aeios", "43105")),
    "flags": _flags,
    "rn for m": lambda name: name.replace("m", "rn"),
    "kashida": lambda name: re.sub("([بتسمنيل])(?=[\u0621-\u064a])", "\\1ـ", name),
}
_IMPOSSIBLE = frozenset(
    {("ar", "override"), ("th", "order"), ("th", "order, no comma"), ("th", "spelt out"), ("ko", "possessive")}
)
_LONGER = {"ar": "ت", "ru": "щ"}
_LAST = {"ko": "호", "zh": "伟", "ja": "郎", "th": "ก"}
"""Another last letter for names in scripts whose words have no end."""


def lines() -> Iterator[Line]:
    """Yield each name in a sentence of its language as every kind writes it, and other names like it."""
    for language, names in _NAMES.items():
        for term in names.split(", "):
            yield from _hits(language, term)
            yield from _others(language, term)


def terms(language: str) -> list[str]:
    """Return the names and the common words of a language."""
    return [*_NAMES[language].split(", "), *_COMMON[language].split(", ")]


def languages() -> list[str]:
    """Return the languages of the set."""
    return list(_NAMES)


def _hits(language: str, term: str) -> Iterator[Line]:
    for kind, write in _KINDS.items():
        written = write(term)
        if (written == term) == (kind == "plain") and (language, kind) not in _IMPOSSIBLE:
            yield Line(language, kind, term, _SENTENCES[language].format(written), names_it=True)


def _others(language: str, term: str) -> Iterator[Line]:
    """Yield other names: longer by a letter, without a word, or with other digits."""
    first, *rest = term.split()
    if term.startswith("@"):
        others = [term[:-1], f"{term}8", f"{term}x"]
    elif language in _LAST:
        others = [term[:-1] + _LAST[language]]
    else:
        letter = _LONGER.get(language, "x")
        others = [f"{first}{letter} {' '.join(rest)}", f"{first}. {' '.join(rest)}{letter}", *rest]
    for text in others:
        yield Line(language, "other name", term, _SENTENCES[language].format(text), names_it=False)
