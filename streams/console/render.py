"""Pages from templates: escaped throughout, in the language of the session."""

from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.enums import MediaType
from litestar.response import Redirect
from markupsafe import Markup

from streams.audit.acting import NOT_GIVEN
from streams.console.guard import session_of
from streams.console.sessions import Session
from streams.console.words import Words, languages, preferred, words
from streams.delivery.evidence.moments import position
from streams.desk.local_time import LocalTime
from streams.rights.check import is_own, scope_of
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings

type AnyRequest = Request[Any, Any, Any]
_HOUR_S, _DAY_S = 3600.0, 86_400.0


@cache
def environment() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=PackageLoader("streams.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"position": position, "web": web_address}
    made.globals["NOT_GIVEN"] = NOT_GIVEN
    return made


class Renderer:
    """Renders templates; pages lead only to what the person of the session may see and do."""

    def __init__(self, settings: Settings) -> None:
        self._zone = LocalTime(settings)

    def words(self, request: AnyRequest) -> Words:
        """Return the words in the language of a request."""
        session = session_of(request.scope)
        return words(session.language or preferred(request.headers.get("accept-language", "")))

    def page(
        self, request: AnyRequest, template: str, status: HTTPStatus = HTTPStatus.OK, **values: object
    ) -> Response[str]:
        """Return a page."""
        html = self.fragment(request, template, **values)
        return Response(html, status_code=status, media_type=MediaType.HTML)

    def fragment(self, request: AnyRequest, template: str, **values: object) -> str:
        """Return a part of a page as HTML."""
        session, t = session_of(request.scope), self.words(request)
        common = _common(t, session, self._zone)
        common |= {"may": partial(_may, session.identity.person), "person": session.identity.signature}
        common |= {"here": request.url.path, "query": address(request)}
        return environment().get_template(f"{template}.html.jinja").render(**common, **values)


def _may(person: Person, right: Right, owner: str | None = None) -> bool:
    """Return whether a person has a right on a case of this owner, None for any case."""
    scope = scope_of(person, right)
    return scope == "all" or (scope == "own" and (owner is None or is_own(person, owner)))


def _common(t: Words, session: Session, zone: LocalTime) -> dict[str, object]:
    now_s = datetime.now(UTC).timestamp()
    return {
        "t": t,
        "session": session,
        "languages": languages(),
        "minute": lambda at: zone.minute(_moment(at)),
        "second": lambda at: zone.second(_moment(at)),
        "iso": lambda at: _moment(at).astimezone(UTC).isoformat(timespec="seconds"),
        "ago": lambda at: span(t, now_s - _moment(at).timestamp()),
        "until": lambda at: span(t, _moment(at).timestamp() - now_s),
        "now_s": now_s,
        "url": local_url,
        "token": lambda: Markup('<input type="hidden" name="token" value="{}">').format(session.csrf),
    }


def _moment(at: datetime | float) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)


def span(t: Words, seconds: float) -> str:
    """Return a length of time in the largest unit that fits, such as 35 min, 7 h or 3 days."""
    minutes = max(1, round(seconds / 60))
    if minutes < 120:  # noqa: PLR2004 - two hours
        return t("span.minutes", n=minutes)
    if seconds < 2 * _DAY_S:
        return t("span.hours", n=round(seconds / _HOUR_S))
    return t("span.days", n=round(seconds / _DAY_S))


def local_url(path: str, **query: object) -> str:
    """Return a path of the console with a query; nothing for a value of None."""
    wanted = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def address(request: AnyRequest) -> str:
    """Return the path and query of a request, to come back to."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def web_address(url: str) -> str | None:
    """Return an address that a browser may open, None for any other text that a platform gave."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def go_to(path: str) -> Redirect:
    """Return a redirect after a form, so that a reload sends nothing again."""
    return Redirect(path, status_code=303)


def safe_path(path: str) -> str:
    """Return a path of this console, the start for any other address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
