"""Keys of the review pages, chosen for the session: a single key may be another one, or none (WCAG 2.1.4)."""

from typing import Any

from litestar import Request, Response, get, post

from streams.console.guard import session_of
from streams.console.render import go_to, safe_path
from streams.console.scope import first_values
from streams.console.sessions import KEYS
from streams.console.site import Site
from streams.console.words import RefusalError


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/keys", opt={"right": "check"})
    async def ask(request: Request[Any, Any, Any]) -> Response[Any]:
        back = safe_path(request.query_params.get("back", "/reviews"))
        return site.renderer.page(request, "keys", acts=list(KEYS), back=back)

    @post("/keys/choose", opt={"right": "check"})
    async def choose(request: Request[Any, Any, Any]) -> Response[Any]:
        form, session = first_values(await request.form()), session_of(request.scope)
        chosen = {act: form.get(act, "").strip().lower() for act in KEYS}
        used = [key for key in chosen.values() if key]
        if any(len(key) != 1 or not key.isprintable() for key in used) or len(set(used)) < len(used):
            raise RefusalError(site.renderer.words(request)("keys.refused"))
        session.key_of, session.keys = chosen, form.get("keys") == "on"
        return go_to(safe_path(form.get("back", "/reviews")))

    return [ask, choose]
