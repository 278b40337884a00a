"""Pages of the login: where a team's person begins it, and where the provider sends the browser back."""

from hmac import compare_digest
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request, Response, get
from litestar.response import Redirect

from streams.console.guard import address_of, cookie_of, session_of
from streams.console.login.begun import LONGEST_S, begin
from streams.console.login.login import Login
from streams.console.login.tokens import LoginError, claims_of, login_address, logout_address
from streams.console.render import go_to, safe_path
from streams.console.sessions import NOBODY
from streams.console.site import AnyRequest, Site
from streams.errors import TransientError, UsageError
from streams.rights.check import scope_of
from streams.rights.person import Person, person_of_claims
from streams.rights.settings import ROLES
from streams.rights.table import MACHINE

log = structlog.get_logger()

COOKIE = "__Host-jikimi_login"
_IN_PATH = "/?&=%:@+,~"


def routes(site: Site, login: Login) -> list[Any]:
    """Return the handlers; they need no right, as nobody is logged in yet."""

    @get("/login", opt={"right": MACHINE})
    async def page(request: Request[Any, Any, Any]) -> Response[Any]:
        if session_of(request.scope).identity != NOBODY:
            return go_to("/")
        back = safe_path(request.query_params.get("back", "/"))
        return site.renderer.page(request, "login", back=back, logout=await _logout(login))

    @get("/login/start", opt={"right": MACHINE})
    async def start(request: Request[Any, Any, Any]) -> Response[Any]:
        begun = begin(safe_path(request.query_params.get("back", "/")))
        addresses = await login.provider.addresses()
        leaving = Redirect(login_address(login.provider, addresses, begun, login.redirect), status_code=303)
        # Lax: the browser comes back from another site. Strict cookies would not come with it.
        leaving.set_cookie(
            COOKIE, login.seal.close(begun), max_age=LONGEST_S, httponly=True, secure=True, samesite="lax", path="/"
        )
        return leaving

    @get("/login/return", opt={"right": MACHINE})
    async def come_back(request: Request[Any, Any, Any]) -> Response[Any]:
        try:
            answer = await _entered(site, login, request)
        except (LoginError, UsageError) as error:
            site.limits.failed(address_of(request.scope))
            reason = str(error) if isinstance(error, LoginError) else "no_account"
            log.warning("login refused", reason=reason)
            answer = site.renderer.page(request, "not_let_in", HTTPStatus.FORBIDDEN, key="login.failed", account="")
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return [page, start, come_back]


async def _entered(site: Site, login: Login, request: AnyRequest) -> Response[Any]:
    """Return the answer to a browser that comes back with a code."""
    query, cookie = request.query_params, cookie_of({"cookie": request.headers.get("cookie", "")}, COOKIE)
    begun = login.seal.open(cookie)
    if begun is None or not compare_digest(begun.state.encode(), query.get("state", "").encode()):
        raise LoginError("state")
    if not query.get("code"):
        raise LoginError("no_code")
    claims = await claims_of(login.provider, query["code"], begun, login.redirect)
    person = person_of_claims(claims, login.provider.oidc)
    identity = login.identity(person)
    if identity is None or not person.roles:
        return _not_let_in(site, request, person, "login.no_role" if not person.roles else "login.no_pseudonym")
    site.sessions.end(session_of(request.scope))
    back = begun.back if begun.back != "/" or scope_of(person, "read") else "/live"
    answer = site.renderer.page(request, "let_in", back=back)
    # A redirect would be the other site's request still, and the new cookie would not come with it.
    answer.headers["refresh"] = f"0; url={quote(back, safe=_IN_PATH)}"
    site.sessions.set_cookie(answer, site.sessions.open(identity))
    return answer


def _not_let_in(site: Site, request: AnyRequest, person: Person, key: str) -> Response[Any]:
    log.warning("login refused", reason=key.partition(".")[2])
    return site.renderer.page(
        request, "not_let_in", HTTPStatus.FORBIDDEN, key=key, account=person.name, roles=", ".join(ROLES)
    )


async def _logout(login: Login) -> str:
    try:
        return logout_address(login.provider, await login.provider.addresses(), f"{login.origin}/login")
    except TransientError:
        return ""
