"""Errors of yt-dlp as the reasons of `jikimi check`; runs in the child process."""

import re

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError

from streams.desk.checking.extractor.wire import Extracted
from streams.desk.checking.resolved import NOTHING

_LOGIN = re.compile(
    r"\b(?:log(?:ged)?[ -]?in|sign(?:ed)?[ -]?in|login|registered users|authenticat\w+)\b", re.IGNORECASE
)
_PRIVATE = re.compile(
    r"\bprivate\b|\bmembers?[ -]only\b|\bsubscribers?\b|\bage[ -](?:restrict|limit|verif|gate|confirm)|"
    r"\bconfirm your age\b|\bnot available (?:in|from) your (?:country|location|region)\b|\bgeo[ -]?restrict",
    re.IGNORECASE,
)
_HINT = re.compile(r"\.?\s*(?:Use --|You might want to use|See  ?https?://).*", re.DOTALL)
"""yt-dlp's advice to its own users."""
_STATUSES = {401: "link_forbidden", 403: "link_forbidden", 451: "link_forbidden"}


def refused(error: BaseException | None) -> Extracted:
    """Return the reason of an error; by its text where yt-dlp has no type for it.

    None, or an address that no extractor supports, is a page without media.
    """
    if error is None or isinstance(error, UnsupportedError):
        return Extracted(reason=NOTHING)
    text = error.orig_msg if isinstance(error, ExtractorError) else str(error)
    return Extracted(reason=_reason(error, text), detail=_HINT.sub("", text))


def _reason(error: BaseException, text: str) -> str:
    cause = getattr(error, "cause", None)
    if isinstance(error, GeoRestrictedError):
        return "link_forbidden"
    if isinstance(cause, HTTPError) and (reason := _STATUSES.get(cause.status)):
        return reason
    if _LOGIN.search(text):
        return "link_login"
    return "link_forbidden" if _PRIVATE.search(text) else NOTHING
