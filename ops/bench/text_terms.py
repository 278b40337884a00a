"""Print which disguises of a term are detected, and how often ordinary text matches a name by chance.

``python -m ops.bench.text_terms [FOLDER]``: the folder holds running text as .html or .txt, such as the unpacked Debian
packages gimp-help-ko, gimp-help-en, debian-faq-ko, debian-faq and installation-guide-amd64 (``dpkg-deb -x``). Names and
handles are composed of common parts, the same in every run; a match in a manual is thus nearly always chance.
"""

import argparse
import random
import re
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from models.text import hangul
from models.text.forms import Strength, term_forms
from models.text.romanise import SURNAMES, spellings
from models.text.running_text import text_forms

_GIVEN = (
    "민준 서준 도윤 예준 시우 하준 지호 주원 지후 준우 준서 도현 건우 현우 우진 선우 서진 민재 현준 연우 "
    "유준 정우 승우 승현 시윤 준혁 은우 지환 승민 지우 서연 서윤 지민 민서 하은 하윤 윤서 지윤 채원 수아 "
    "지아 다은 은서 예은 수빈 소율 예린 지원 소윤 유나 시은 채은 유진 윤아 가은 서영 민지 예나 수민 수진 "
    "은지 혜진 지현 미영 영희 정숙 은영 현정 지영 미경 경희 성민 동현 상훈 재현"
)
_LEFT = "happy blue hidden sweet night little cyber pink real secret lovely moon star wild soft crazy"
_RIGHT = "cat rabbit cam girl angel moon bear candy diary room peach violet tiger sky queen berry"
_HALFWIDTH = {ord(unicodedata.normalize("NFKC", chr(code))): chr(code) for code in range(0xFFA1, 0xFFDD)}
_N_TERMS = 200
_N_CAPTIONS = 2000
"""Number for each language."""
_CAPTION = range(20, 201)
_LEET = str.maketrans("aeiost", "4310$7")
_CYRILLIC = str.maketrans("aeiocpxy", "аеіосрху")  # noqa: RUF001 - look-alikes are intended


def _tensed(name: str) -> str:
    tense = str.maketrans("\u1100\u1103\u1107\u1109\u110c", "\u1101\u1104\u1108\u110a\u110d")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).translate(tense))


def _drawn_out(syllable: str) -> str:
    initial, rest = divmod(ord(syllable) - 0xAC00, 588)
    vowel, final = divmod(rest, 28)
    return chr(0xAC00 + initial * 588 + vowel * 28) + chr(0xAC00 + 11 * 588 + vowel * 28 + final)


_LATIN_TRICKS: dict[str, Callable[[str], str]] = {
    "as it is": lambda term: f"video of {term} here",
    "particle glued to it": lambda term: f"{term}의 영상",
    "letters spaced out": lambda term: " ".join(term.replace("_", "")),
    "leet": lambda term: term.translate(_LEET),
    "Cyrillic look-alikes": lambda term: term.translate(_CYRILLIC),
    "accents": lambda term: re.sub("[aeiou]", lambda found: found[0] + "\u0301", term),
    "white on black letters": lambda term: "".join(chr(0x1F170 + ord(c) - 97) if c.isalpha() else c for c in term),
    "styled letters": lambda term: "".join(chr(0x1D5EE + ord(c) - 97) if c.isalpha() else c for c in term),
    "letters doubled": lambda term: re.sub("[aeiou]", lambda found: found[0] * 3, term),
    "dots and emoji between": "🔥".join,
    "zero-width between": "\u200b".join,
}
_HANGUL_TRICKS: dict[str, Callable[[str], str]] = {
    "as it is": lambda name: f"어제 {name}의 영상",
    "syllables spaced out": lambda name: " ".join(name) + "가 왔다",
    "inside a word": lambda name: f"유출{name}영상",
    "dots and emoji between": lambda name: ".🔥".join(name) + "가",
    "foreign letters between": lambda name: "x".join(name) + "는",
    "laughter between": lambda name: "ㅋㅋ".join(name) + "는",
    "taken apart": lambda name: hangul.jamo_of(name) + " 유출",
    "taken apart, spaced": lambda name: " ".join(hangul.jamo_of(name)),
    "taken apart, halfwidth": lambda name: unicodedata.normalize("NFKC", hangul.jamo_of(name)).translate(_HALFWIDTH),
    "two jamo swapped": lambda name: name[0] + hangul.jamo_of(name[1:])[1::-1] + hangul.jamo_of(name[1:])[2:],
    "tense for plain": lambda name: _tensed(name) + "가",
    "vowel drawn out": lambda name: name[0] + _drawn_out(name[1]) + name[2:],
    "Latin": lambda name: f"{spellings(name)[0]} video",
    "Latin, spaced, given name first": lambda name: f"{spellings(name[1:])[0]} {SURNAMES[name[0]][0]}",
    "Latin, leet": lambda name: spellings(name)[0].translate(_LEET),
    "English keyboard": lambda name: hangul.typed_latin(name) + " 영상",
    "first jamo only": lambda name: hangul.initials(name) + " 유출",
    "surname and first jamo": lambda name: name[0] + hangul.initials(name[1:]) + " 유출",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    names, handles = made_names(), made_handles()
    for kind, terms, tricks in (("names", names, _HANGUL_TRICKS), ("handles", handles, _LATIN_TRICKS)):
        sys.stdout.write(f"of {len(terms)} {kind}, share found with a strong / a weak match\n")
        for trick, disguise in tricks.items():
            sure, perhaps = _recall(terms, disguise)
            sys.stdout.write(f"  {trick}: {sure:.2f} / {perhaps:.2f}\n")
    if folder is not None:
        for language, texts in captions(folder).items():
            forms = [text_forms(text) for text in texts]
            for kind, terms in (("names", names), ("given names", _GIVEN.split()), ("handles", handles)):
                _print_chance(f"{len(terms)} {kind} in {language}", terms, forms)
            _print_cost(language, texts)


def made_names() -> list[str]:
    """Return full names, common surnames before common given names."""
    chance = random.Random(5)  # noqa: S311 - no secret
    names = {chance.choice(list(SURNAMES)[:40]) + chance.choice(_GIVEN.split()) for _ in range(2 * _N_TERMS)}
    return sorted(name for name in names if len(name) == len("김민지"))[:_N_TERMS]


def made_handles() -> list[str]:
    """Return handles as people choose them."""
    chance = random.Random(5)  # noqa: S311 - no secret
    parts = {
        (chance.choice(_LEFT.split()), chance.choice(_RIGHT.split()), chance.randrange(100)) for _ in range(_N_TERMS)
    }
    return sorted(f"{left}_{right}{number}" if number % 3 else f"{left}{right}" for left, right, number in parts)


def captions(folder: Path) -> dict[str, list[str]]:
    """Return running text from the files of a folder, by language, in pieces as long as captions."""
    found: dict[str, dict[str, None]] = {"Korean": {}, "English": {}}
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".html", ".txt") and file.is_file():
            for text in _texts(file):
                if hangul.SYLLABLES.search(text):
                    found["Korean"][text] = None
                elif text.isascii():
                    found["English"][text] = None
    chance = random.Random(5)  # noqa: S311 - no secret
    return {language: chance.sample(list(texts), min(_N_CAPTIONS, len(texts))) for language, texts in found.items()}


def _texts(file: Path) -> Iterator[str]:
    text = file.read_text("utf-8", "replace")
    if file.suffix == ".html":
        parser = _Paragraphs()
        parser.feed(text)
        text = "".join(parser.parts)
    for paragraph in re.split(r"\n\s*\n", text):
        caption = " ".join(paragraph.split())[: _CAPTION.stop - 1]
        if len(caption) in _CAPTION:
            yield caption


class _Paragraphs(HTMLParser):
    """Text of a page, with blank lines between blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self._quiet += tag in ("script", "style")
        self.parts += ["\n\n"] if tag in ("p", "div", "li", "td", "dt", "dd", "h1", "h2", "h3", "pre") else []

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        self.parts += [] if self._quiet else [data]


def _recall(terms: list[str], disguise: Callable[[str], str]) -> tuple[float, float]:
    sure = perhaps = 0
    for term in terms:
        forms = term_forms(term)
        hits = [forms[form] for form in text_forms(disguise(term)) & forms.keys()]
        sure += Strength.STRONG in hits
        perhaps += bool(hits) and Strength.STRONG not in hits
    return sure / len(terms), perhaps / len(terms)


def _print_chance(label: str, terms: list[str], texts: list[set[str]]) -> None:
    by_form: dict[str, list[tuple[str, Strength]]] = defaultdict(list)
    for term in terms:
        for form, strength in term_forms(term).items():
            by_form[form].append((term, strength))
    hits: Counter[str] = Counter()
    why: Counter[str] = Counter()
    for text in texts:
        found = [(term, strength, form) for form in text for term, strength in by_form.get(form, ())]
        sure = {term for term, strength, _ in found if strength}
        plain = {term for term, _, form in found if form == term.replace("_", "")}
        hits.update(plain=len(plain), sure=len(sure), perhaps=len({term for term, *_ in found} - sure))
        why.update(f"{form} for {term}{'' if strength else ', perhaps'}" for term, strength, form in found)
    rates = ", ".join(f"{kind} {1e3 * hits[kind] / len(texts):.2f}" for kind in ("plain", "sure", "perhaps"))
    sys.stdout.write(f"{label}: hits per 1,000 of {len(texts)} captions: {rates}; most: {why.most_common(8)}\n")


def _print_cost(language: str, texts: list[str]) -> None:
    sample = texts[:: max(1, len(texts) // 1000)]
    start = time.process_time()
    n_forms = sum(len(text_forms(text)) for text in sample)
    cpu_ms = 1e3 * (time.process_time() - start)
    letters = sum(map(len, sample)) / len(sample)
    each = f"{n_forms / len(sample):.0f} forms and {cpu_ms / len(sample):.2f} ms"
    sys.stdout.write(f"{language}: {each} a caption of {letters:.0f} letters\n")


if __name__ == "__main__":
    main()
