"""Declined forms of Slavic names: Nováka and Novákem for Novák, Kowalskiego for Kowalski, Новаком for Новак.

By endings alone, without a dictionary, so the forms are never proof. Accents are left out, as in all bare spellings.
"""
# ruff: noqa: RUF001 - Cyrillic endings

import re
from collections.abc import Iterator, Sequence
from itertools import islice, product

_ENDINGS = [tuple(line.split()) for line in """
    ska   skiej/ske skiej/ske ska/sku/skou ska/skou/skom skiej/ske
    cka   ckiej/cke ckiej/cke cka/cku/ckou cka/ckou/ckom ckiej/cke
    ova   ove/ovej/ovoj ove/ovej/ovoj ovu/ova ovou/ovom ove/ovej/ovoj
    eva   eve/evej/evoj eve/evej/evoj evu/eva evou/evom eve/evej/evoj
    ski   skiego/skog skiemu/skom skiego/skog skim skim/skom
    cki   ckiego/ckog ckiemu/ckom ckiego/ckog ckim ckim/ckom
    y     eho/ego emu eho/ego ym em/ym
    i     iho/ego/ija imu/emu/iju iho/ego/ija im/ijem im/iju
    ek    ka/eka kovi/kowi/ku ka/eka kem/kiem/kom/ekem ku/kovi
    ec    ce/ca ci/covi/cu ce/ca cem/com ci/cu
    el    la/ela/ele lovi/lowi/elovi/eli la/ela/ele lem/elem lu/lovi/elovi
    o     a/y u/ovi/owi a/e om/em/a u/ovi/ie
    ia    ii/ie ii/iji ie/iu ia/iou/iom ii/iji
    a     y/i/e e/ie/i/ovi u/e/o a/ou/om/em e/ie/i/ovi
    -     a/e/- ovi/owi/u/i/- a/e/- em/om/iem/- e/u/ie/ovi/-
    ский  ского скому ского ским ском
    ская  ской ской скую ской ской
    цкий  цкого цкому цкого цким цком
    цкая  цкой цкой цкую цкой цкой
    ый    ого ому ого ым ом
    ий    ия/ого/его ию/ому/ему ия/ого/его ием/им ии/ом/ем
    ая    ой ой ую ой ой
    ова   овой/ови овой/ові ову овой/овою овой/ові
    ева   евой/еви евой/еві еву евой/евою евой/еві
    ина   иной/ины иной/ине ину иной иной/ине
    ов    ова ову/ову ова овым/овим ове/ову
    ев    ева еву ева евым/євим еве/еву
    ин    ина ину ина ином/иным ине
    ел    ла/ела лу/лові/елу ла/ела лом/елом ле/еле
    ец    ца цу/цеві ца цом/цем це/ці
    ия    ии ии ию ией ии
    я     и/і е/і ю ей/ею е/і
    а     ы/и е/і у ой/ою/ей е/і
    й     я ю я ем/єм е/ю
    ь     я/и ю/и/еві я/ь ем/ью е/и
    о     а у/ові а ом у/ові/е
    +     а/+ у/ові/+ а/+ ом/ем/+ е/у/ові/+
""".strip().splitlines()]  # fmt: skip
"""Nominative, then genitive, dative, accusative, instrumental and locative; - and + stand for a consonant."""
_CONSONANT, _CYRILLIC_CONSONANT = re.compile("[b-df-hj-np-tv-xz]"), re.compile("[б-джзк-нп-тф-щ]")
_SLAVIC = re.compile(
    "[\u0400-\u04ff]|[ąęłńśźżćčďěňřšťůžđ]|.(?:[sc]k[iay]|wicz|czyk|enko|chuk|czuk|iak|[eo]va|..[oe]v|..[aei]k)$"
)
"""Letters, or ends of a word of a few letters, of few other languages."""
_MOST = 160


def declined(words: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the joined words of a Slavic name in each other case, at most 160; nothing for any other name.

    Parameters
    ----------
    words
        Plain and bare spelling of each.
    """
    if any(_SLAVIC.search(spelling) for pair in words for spelling in pair):
        cases = [_cases(bare) for _, bare in words]
        together = (product(*case) for case in zip(*cases, strict=True))
        found = dict.fromkeys("".join(parts) for case in together for parts in case)
        yield from islice((form for form in found if form != "".join(bare for _, bare in words)), _MOST)


def _cases(word: str) -> list[list[str]]:
    """Return the spellings of a word in each case; the word itself in all of them if it has no known ending."""
    for nominative, *cases in _ENDINGS:
        stem = _stem(word, nominative)
        if stem:
            return [[word if each in "-+" else stem + each for each in case.split("/")] for case in cases]
    return [[word]] * 5


def _stem(word: str, nominative: str) -> str:
    if nominative == "-":
        return word if _CONSONANT.fullmatch(word[-1]) else ""
    if nominative == "+":
        return word if _CYRILLIC_CONSONANT.fullmatch(word[-1]) else ""
    return word[: -len(nominative)] if word.endswith(nominative) else ""
