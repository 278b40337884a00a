"""Page of a notice: its sections, each required part once, marked with the provisions that require it."""

from collections.abc import Iterator
from functools import cache

from schemas.messages import Law, Notice
from streams.delivery.notices.catalogue import Catalogue, catalogue
from streams.delivery.notices.laws import ELEMENTS, Element, uses_korean_form
from streams.delivery.notices.parts import Block, Page, Row, Section, time_text
from streams.delivery.notices.posts import post_blocks
from streams.delivery.platforms.registry import load_registry

SEPARATOR = " · "
_TICKED, _EMPTY = "☑", "☐"
_NO_BREAK = "\u00a0"
_KOREAN_REASONS = {
    "filmed_without_consent": "form.reason_filmed",
    "shared_without_consent": "form.reason_filmed",
    "synthetic": "form.reason_false",
    "child_exploitation": "form.reason_child",
}


def page(notice: Notice) -> Page:
    """Return the page of a notice in its own language."""
    texts = catalogue(notice.language)
    return Page(
        language=texts.language,
        subject=subject(notice),
        title=_title(notice, texts),
        head=list(_head(notice, texts)),
        sections=list(_sections(notice, texts)),
        foot=[texts.text("foot.media"), texts.text("foot.reply", notice_id=notice.notice_id)],
    )


def subject(notice: Notice) -> str:
    """Return one line with laws, kind and id, for the subject of a mail; it names no post."""
    texts = catalogue(notice.language)
    laws = SEPARATOR.join(law_name(texts, law, notice, "law_short") for law in notice.laws)
    return texts.text("subject", laws=laws, kind=texts.text(f"kind.{notice.kind}"), notice_id=notice.notice_id)


def law_name(texts: Catalogue, law: Law, notice: Notice, form: str = "law") -> str:
    """Return the name of a law; personal data are under other Korean articles than images."""
    if law == "KR_TBA22_5" and notice.kind == "personal_data":
        return texts.text(f"{form}.KR_personal_data")
    return texts.text(f"{form}.{law}")


def _title(notice: Notice, texts: Catalogue) -> str:
    if uses_korean_form(notice.laws, notice.kind):
        return texts.text("title_form")
    return texts.text("title", kind=texts.text(f"kind.{notice.kind}"))


def _head(notice: Notice, texts: Catalogue) -> Iterator[Row]:
    number = str(notice.attempt)
    repeated = texts.text("head.attempt_repeated", number=number)
    yield Row(texts.text("head.to"), platform_title(notice.platform))
    yield Row(texts.text("head.notice"), notice.notice_id)
    yield Row(texts.text("head.attempt"), repeated if notice.attempt > 1 else number)
    yield Row(texts.text("head.case"), notice.case_id)
    yield Row(texts.text("head.date"), time_text(notice.created_at))
    yield Row(texts.text("head.laws"), SEPARATOR.join(law_name(texts, law, notice) for law in notice.laws))
    if notice.due_at is not None:
        yield Row(texts.text("head.due"), time_text(notice.due_at))
    if notice.minor:
        yield Row(texts.text("head.minor"), texts.text("head.minor_yes"))


def _sections(notice: Notice, texts: Catalogue) -> Iterator[Section]:
    if uses_korean_form(notice.laws, notice.kind):
        yield Section(texts.text("section.form"), blocks=(Block("", list(_form(notice, texts))),))
    yield Section(
        texts.text("section.location"), _provisions(notice, texts, "location"), blocks=tuple(post_blocks(notice, texts))
    )
    infringed = Block(texts.text("unlawful.label"), list(_infringed(notice, texts)))
    reasons = _provisions(notice, texts, "reasons")
    yield Section(texts.text("section.reasons"), reasons, (notice.reasons,), (infringed,))
    yield Section(texts.text("section.found"), paragraphs=tuple(_found(notice, texts)))
    yield Section(texts.text("section.requests"), blocks=(Block("", list(_requests(notice, texts))),))
    yield Section(texts.text("section.statements"), blocks=(Block("", list(_statements(notice, texts))),))
    yield Section(
        texts.text("section.filer"), _provisions(notice, texts, "filer"), blocks=(Block("", _filer(notice, texts)),)
    )
    if notice.signed_by:
        signed = texts.text("signature.text", name=notice.signed_by, at=time_text(notice.signed_at))
        yield Section(texts.text("section.signature"), _provisions(notice, texts, "signature"), (signed,))


def _provisions(notice: Notice, texts: Catalogue, element: Element) -> tuple[str, ...]:
    """Return the provisions of the notice's laws that require a part, as far as they have numbers."""
    requiring = [law for law in notice.laws if element in ELEMENTS[law]]
    if notice.kind == "personal_data":
        requiring = [law for law in requiring if law != "KR_TBA22_5"]  # no form is prescribed for texts
    return tuple(filter(None, (texts.first(f"provision.{law}.{element}") for law in requiring)))


def _form(notice: Notice, texts: Catalogue) -> Iterator[Row]:
    yield Row(texts.text("form.kind"), _boxes(texts, {"form.kind_report": True, "form.kind_deletion": True}))
    ticked = _KOREAN_REASONS[notice.kind]
    reasons = {key: key == ticked for key in ("form.reason_filmed", "form.reason_false", "form.reason_child")}
    if notice.synthetic:
        reasons["form.reason_false"] = True
    yield Row(texts.text("form.reason"), _boxes(texts, reasons))
    yield Row(texts.text("form.capture"), texts.text("form.capture_none"))
    yield Row(texts.text("form.confirmation"), texts.text("form.confirmation_text"))


def _boxes(texts: Catalogue, boxes: dict[str, bool]) -> str:
    return "   ".join(f"{_TICKED if ticked else _EMPTY}{_NO_BREAK}{texts.text(key)}" for key, ticked in boxes.items())


def _infringed(notice: Notice, texts: Catalogue) -> Iterator[Row]:
    group = notice.kind if notice.kind in {"child_exploitation", "personal_data"} else "intimate"
    for law in notice.laws:
        rule = texts.first(f"unlawful.{law}.{notice.kind}", f"unlawful.{law}.{group}", f"unlawful.{law}.any")
        yield Row(texts.text(f"jurisdiction.{law}"), rule)


def _found(notice: Notice, texts: Catalogue) -> Iterator[str]:
    if notice.automated_detection:
        yield texts.text("found.text" if notice.kind == "personal_data" else "found.media")
    yield texts.text("found.confirmed" if notice.confirmed_by else "found.unconfirmed")


def _requests(notice: Notice, texts: Catalogue) -> Iterator[Row]:
    for law in notice.laws:
        yield Row(law_name(texts, law, notice, "law_short"), law_name(texts, law, notice, "request"))
    further = "request.always_text" if notice.kind == "personal_data" else "request.always"
    yield Row(texts.text("request.label"), texts.text(further))


def _statements(notice: Notice, texts: Catalogue) -> Iterator[Row]:
    yield Row(texts.text("statement.good_faith"), notice.good_faith, _provisions(notice, texts, "good_faith"))
    yield Row(texts.text("statement.accuracy"), notice.accuracy, _provisions(notice, texts, "accuracy"))


def _filer(notice: Notice, texts: Catalogue) -> list[Row]:
    filer = notice.filer
    role = Row(texts.text("filer.role"), texts.text(f"role.{filer.role}"))
    if not filer.body:
        return [role, Row(texts.text("filer.body"), texts.text("filer.omitted"))]
    names = ("authority", "email", "phone", "address")
    known = [Row(texts.text(f"filer.{name}"), getattr(filer, name)) for name in names if getattr(filer, name)]
    return [Row(texts.text("filer.body"), filer.body), role, *known]


@cache
def platform_title(name: str) -> str:
    """Return the title of a platform in the package's registry, its name where it is not there."""
    found = load_registry().platforms.get(name)
    return found.title if found is not None else name
