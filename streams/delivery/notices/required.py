"""Fields without which a notice is not sent."""

import re
from collections.abc import Iterator, Sequence

from schemas.messages import CaseKind, Law, Takedown
from streams.cases.open_cases import OpenCase
from streams.delivery.notices.items import is_text_alone
from streams.delivery.notices.laws import uses_korean_form
from streams.delivery.settings import FilerSettings
from streams.errors import UsageError

MAX_POSTS = 200
"""Posts of one notice."""

_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CLAIMS_A_STATUS = {"designated_body", "trusted_flagger"}


class NoticeError(UsageError):
    """A notice cannot be written, and nothing is sent; one line that names the field and how to set it."""


def check_takedowns(takedowns: Sequence[Takedown]) -> None:
    """Check that takedowns belong in one notice, and that each has the address of its post.

    Raises
    ------
    NoticeError
        They do not.
    """
    if not 1 <= len(takedowns) <= MAX_POSTS:
        raise NoticeError(f"{len(takedowns)} takedowns in one notice: it holds 1 to {MAX_POSTS}")
    if len(cases := sorted({takedown.case_id for takedown in takedowns})) > 1:
        raise NoticeError(f"takedowns of the cases {', '.join(cases)}: a notice belongs to one case")
    if len({is_text_alone(takedown) for takedown in takedowns}) > 1:
        raise NoticeError("copies and texts that only name the person: each kind needs a notice of its own")
    for takedown in takedowns:
        if not re.match(r"https?://\S", takedown.post.url):
            raise NoticeError(f"takedown {takedown.takedown_id}: its post has no URL, so no notice can say where it is")


def check_filer(filer: FilerSettings, case: OpenCase, laws: Sequence[Law], kind: CaseKind, platform: str) -> None:
    """Check that all is known of the filer that these laws ask for.

    Raises
    ------
    NoticeError
        The first field that is missing or wrong.
    """
    for problem in _problems(filer, case, laws, kind):
        raise NoticeError(f"no notice to {platform}: {problem}")


def _problems(filer: FilerSettings, case: OpenCase, laws: Sequence[Law], kind: CaseKind) -> Iterator[str]:
    basis = f"under {', '.join(laws)}"
    if not filer.body.strip():
        yield f"the filer's name is required {basis}: set JIKIMI_FILER_BODY"
    if not filer.email.strip():
        yield f"the filer's e-mail is required {basis}: set JIKIMI_FILER_EMAIL"
    if not _MAIL.fullmatch(filer.email.strip()):
        yield f"{filer.email!r} is not an e-mail address: set JIKIMI_FILER_EMAIL"
    if uses_korean_form(laws, kind) and not filer.phone.strip():
        yield "the filer's telephone number is asked for by the form of KR_TBA22_5: set JIKIMI_FILER_PHONE"
    if filer.role in _CLAIMS_A_STATUS and not (filer.authority.strip() or case.authority.strip()):
        yield f"a {filer.role} needs the reference of its designation: set JIKIMI_FILER_AUTHORITY"
