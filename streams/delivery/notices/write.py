"""Notice of takedowns: one record that every law's notice is rendered from."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from schemas.ids import record_id
from schemas.messages import CaseKind, Filer, Notice, Takedown
from streams.cases.open_cases import OpenCase
from streams.delivery.notices.catalogue import catalogue
from streams.delivery.notices.items import is_text_alone, notice_item
from streams.delivery.notices.laws import applicable, leaves_out_filer
from streams.delivery.notices.lines import one_line, one_url
from streams.delivery.notices.required import NoticeError, check_filer, check_takedowns
from streams.delivery.platforms.registry import Platform
from streams.delivery.settings import FilerSettings

__all__ = ["NoticeError", "notice_kind", "write_notice"]

MAX_KNOWN_COPIES = 100
"""Other copies that one notice names; further ones have notices of their own."""

_IMAGE_SHARING = "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"
_CODES: dict[CaseKind, tuple[str, str]] = {
    "filmed_without_consent": ("STATEMENT_CATEGORY_CYBER_VIOLENCE", _IMAGE_SHARING),
    "shared_without_consent": ("STATEMENT_CATEGORY_CYBER_VIOLENCE", _IMAGE_SHARING),
    "synthetic": ("STATEMENT_CATEGORY_CYBER_VIOLENCE", "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE"),
    "child_exploitation": ("STATEMENT_CATEGORY_PROTECTION_OF_MINORS", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"),
    "personal_data": ("STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", ""),
}
"""Category and keyword of the DSA's schema of statements of reasons, by kind; none that assumes the victim's sex."""


def write_notice(
    takedowns: Sequence[Takedown],
    case: OpenCase,
    platform_name: str,
    platform: Platform,
    filer: FilerSettings,
    *,
    language: str,
    attempt: int,
    at: datetime,
    due_at: datetime | None,
    confirmed_by: str | None = None,
    known_copies: Sequence[str] = (),
) -> Notice:
    """Return the notice of one or several takedowns of one case on one platform.

    Nothing of the case but its kind, minor flag and authority enters it: no name, no term, no thumbnail. What strangers
    wrote, a URL or an account's name, is made one line.

    Parameters
    ----------
    language
        Language of its sentences; English where there is no catalogue, and the notice's `language` is then `en`.
    attempt
        Number of the notice for these takedowns, from 1.
    due_at
        Time by which the strictest law expects the removal.
    confirmed_by
        Pseudonym of the person who approved it.
    known_copies
        URLs of other copies of the same case on this platform.

    Raises
    ------
    NoticeError
        A field that a law requires is missing, or the takedowns do not belong into one notice; one line that names the
        field and how to set it.
    """
    check_takedowns(takedowns)
    kind = notice_kind(takedowns[0], case)
    laws = applicable(platform.laws, kind)
    anonymous = leaves_out_filer(laws, kind)
    if not anonymous:
        check_filer(filer, case, laws, kind, platform_name)
    texts, urls = catalogue(language), {takedown.post.url for takedown in takedowns}
    return Notice(
        notice_id=record_id("notice", attempt, *sorted(takedown.takedown_id for takedown in takedowns)),
        case_id=takedowns[0].case_id,
        kind=kind,
        laws=laws,
        filer=Filer(body="", role=filer.role, email="") if anonymous else _filer(filer, case),
        signed_by="" if anonymous else one_line(filer.signed_by or filer.body),
        signed_at=at,
        platform=platform_name,
        items=[notice_item(takedown) for takedown in takedowns],
        codes=_codes(kind, synthetic=case.kind == "synthetic"),
        minor=case.minor or case.kind == "child_exploitation",
        synthetic=case.kind == "synthetic",
        reasons=texts.text(f"reasons.{_reasons(kind, case)}"),
        good_faith=texts.text(f"good_faith.{_voice(filer)}"),
        accuracy=texts.text(f"accuracy.{_voice(filer)}"),
        language=texts.language,
        confirmed_by=confirmed_by,
        attempt=attempt,
        created_at=at,
        due_at=due_at,
        known_copies=_copies(known_copies, urls),
    )


def notice_kind(takedown: Takedown, case: OpenCase) -> CaseKind:
    """Return the kind of violation of a takedown's post.

    A text that names the victim is no copy, whatever the case is about; images of a minor are child sexual abuse
    material, however they came about.
    """
    if is_text_alone(takedown) or case.kind == "personal_data":
        return "personal_data"
    return "child_exploitation" if case.minor else case.kind


def _filer(filer: FilerSettings, case: OpenCase) -> Filer:
    authority = "; ".join(filter(None, (one_line(filer.authority), one_line(case.authority))))
    fields = {name: one_line(getattr(filer, name)) for name in ("body", "email", "phone", "address")}
    return Filer(role=filer.role, authority=authority, **fields)


def _voice(filer: FilerSettings) -> str:
    return "victim" if filer.role == "victim" else "agent"


def _reasons(kind: CaseKind, case: OpenCase) -> str:
    return "child_synthetic" if kind == "child_exploitation" and case.kind == "synthetic" else kind


def _codes(kind: CaseKind, *, synthetic: bool) -> list[str]:
    category, keyword = _CODES[kind]
    deepfake = "_DEEPFAKE" if synthetic and kind == "child_exploitation" else ""
    return [category, *([keyword + deepfake] if keyword else [])]


def _copies(known_copies: Iterable[str], urls: set[str]) -> list[str]:
    others = dict.fromkeys(one_url(url) for url in known_copies if url not in urls)
    return list(others)[:MAX_KNOWN_COPIES]
