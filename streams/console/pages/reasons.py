"""Reasons of a verdict in the language of the page: fusion writes them in English, each in one of a few forms."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from schemas.messages import Contribution
from streams.console.words import Words


class ShownReason(NamedTuple):
    """Contribution of one modality to a verdict, in words."""

    modality: str
    is_for: bool
    """Whether it is evidence for a copy."""
    text: str
    is_english: bool
    """Whether it is of a form that this version lacks, and stays in English."""


_SCORE = r"score (?P<score>[\d.]+)"
_MATCH = (
    r" (?P<reference>\S+)(?: for (?P<seconds>[\d.]+) s)?"
    r"(?: in (?:(?P<n>\d+) stretches|(?P<n_pictures>\d+) pictures))?"
    rf", {_SCORE}(?P<agrees>, where picture and sound agree)?"
    r"(?P<place>, at no known moment: another recording of the place may match too)?"
)
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("terms", re.compile(r"(?P<n>\d+) of the case's terms found")),
    ("term", re.compile(r"a term of the case found")),
    ("wording", re.compile(rf"worded like the case, {_SCORE}")),
    ("voice", re.compile(rf"a voice like that of (?P<reference>\S+), {_SCORE}; a person decides")),
    ("pictures", re.compile(rf"pictures match{_MATCH}")),
    ("sound", re.compile(rf"sound matches{_MATCH}")),
    ("unseen", re.compile(r"no second look at medium (?P<medium>\d+), (?P<stretch>\d+-\d+) s: (?P<cause>.+)")),
)
_WITH_PARTS = {"wording", "voice", "pictures", "sound"}
_PARTS = ("seconds", "n", "n_pictures", "score", "agrees", "place")
"""Groups of the forms that are parts of the sentence, in this order."""


def shown_reason(t: Words, one: Contribution, file_names: Mapping[str, str]) -> ShownReason:
    """Return a contribution in the page's language; a reason of an unknown form as it is."""
    for slug, form in _FORMS:
        if (found := form.fullmatch(one.why)) is not None:
            return ShownReason(one.modality, one.added >= 0, _sentence(t, slug, found, file_names), is_english=False)
    return ShownReason(one.modality, one.added >= 0, one.why, is_english=t.language != "en")


def _sentence(t: Words, slug: str, found: re.Match[str], file_names: Mapping[str, str]) -> str:
    values = {name: value for name, value in found.groupdict().items() if value is not None}
    if (reference_id := values.get("reference")) is not None:
        values["reference"] = file_names.get(reference_id) or t("match.reference", id=reference_id[:8])
    if (medium := values.get("medium")) is not None:
        values["medium"] = str(int(medium) + 1)  # from 1, as in the matched stretches
    parts = [part for part in _PARTS if slug in _WITH_PARTS and part in values]
    return t.of("reason", slug).format(**values) + "".join(t.of("reason_part", part).format(**values) for part in parts)
