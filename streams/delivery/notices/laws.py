"""Laws under which notices are sent: their order, what each covers, and which fields each needs."""

from collections.abc import Sequence
from typing import Literal

from schemas.messages import CaseKind, Law

Element = Literal["location", "reasons", "good_faith", "accuracy", "filer", "signature"]
"""Part of a notice that a law requires."""

STRICTEST_FIRST: tuple[Law, ...] = ("KR_TBA22_5", "US_TIDA", "UK_OSA", "EU_DSA16", "PLATFORM_TOS")
"""Laws by their clocks: 24 hours or without delay, 48 hours, undue delay, none."""
ELEMENTS: dict[Law, tuple[Element, ...]] = {
    "KR_TBA22_5": ("location", "reasons", "filer"),
    "US_TIDA": ("signature", "location", "good_faith", "filer"),
    "UK_OSA": ("location", "reasons", "filer"),
    "EU_DSA16": ("reasons", "location", "filer", "accuracy"),
    "PLATFORM_TOS": ("location", "reasons", "filer"),
}
"""Required parts of a notice by law; ops/docs/notices.md names the sources."""

_IMAGES_ONLY: frozenset[Law] = frozenset({"US_TIDA", "UK_OSA"})
"""Laws on intimate images, which do not cover a text."""
_NEEDS_A_NAME: frozenset[Law] = frozenset({"KR_TBA22_5", "US_TIDA", "UK_OSA"})
"""Laws under which a notice without its filer's name is void, or may be: the requirement of the UK was not found."""


def applicable(laws: Sequence[Law], kind: CaseKind) -> list[Law]:
    """Return those of a platform's laws that cover a kind, the strictest first; the platform's terms if none does."""
    covering = [law for law in STRICTEST_FIRST if law in laws and not (kind == "personal_data" and law in _IMAGES_ONLY)]
    return covering or ["PLATFORM_TOS"]


def leaves_out_filer(laws: Sequence[Law], kind: CaseKind) -> bool:
    """Return whether name and e-mail of the filer are left out under Article 16(2)(c) of the DSA.

    It does so for notices of child sexual abuse (Directive 2011/93/EU, Articles 3 to 7), which a text with personal
    data is not. Another law of the same notice may need them.
    """
    return kind == "child_exploitation" and "EU_DSA16" in laws and _NEEDS_A_NAME.isdisjoint(laws)


def uses_korean_form(laws: Sequence[Law], kind: CaseKind) -> bool:
    """Return whether the notice is the form of Article 30-5(2) of the Korean decree, which covers images and sounds."""
    return "KR_TBA22_5" in laws and kind != "personal_data"
