"""Cases that a person may see and act on: all, or those that the person opened.

A route whose right may concern own cases only names in its `owner` how the account is found that opened the case. A
route that names none is refused to a person with such a right.
"""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request

from streams.cases.labels import label_key
from streams.console.store.store import Store
from streams.errors import UsageError
from streams.rights.check import require, scope_of
from streams.rights.person import Person
from streams.rights.table import MACHINE, Right

type Owner = Callable[[Store, Mapping[str, str]], str | None]


class NoRightError(Exception):
    """The person may not do this."""


def of_case(store: Store, values: Mapping[str, str]) -> str:
    """Return who opened the case of a path; empty without such an open case."""
    return store.cases.owner(values.get("case_id", ""))


def of_takedown(store: Store, values: Mapping[str, str]) -> str:
    """Return who opened the case of the takedown of a path."""
    row = store.takedowns.find(values.get("takedown_id", ""))
    return store.cases.owner(row.last.case_id) if row is not None else ""


def of_job(store: Store, values: Mapping[str, str]) -> str:
    """Return who opened the case of the review that a query or a form names."""
    job = store.reviews.find(label_key(values.get("post", ""), values.get("case", "")))
    return store.cases.owner(job.verdict.case_id or "") if job is not None else ""


def of_listed(store: Store, values: Mapping[str, str]) -> None:
    """Return None: the handler lists what `Site.owner` lets the person see."""


def of_nobody(store: Store, values: Mapping[str, str]) -> str:  # noqa: ARG001 - likewise
    """Return the owner of a route that names none, which no person is."""
    return ""


def require_right(person: Person, right: Right, owner: str | None = None) -> None:
    """Return if a person has a right on a case of this owner, None for any case.

    Raises
    ------
    NoRightError
        The person has not.
    """
    try:
        require(person, right, owner)
    except UsageError as error:
        raise NoRightError(str(error)) from error


async def require_route(person: Person, store: Store, request: Request[Any, Any, Any]) -> None:
    """Return if a person has the right of a request's route, on the case that it concerns.

    Raises
    ------
    NoRightError
        The person has not.
    """
    right, owner_of = request.route_handler.opt["right"], request.route_handler.opt.get("owner", of_nobody)
    if right == MACHINE:
        return
    require_right(person, right)
    if scope_of(person, right) == "own":
        sent = await request.form() if request.method == "POST" else request.query_params
        require_right(person, right, owner_of(store, first_values(sent) | dict(request.path_params)))


def first_values(sent: Mapping[str, Any]) -> dict[str, str]:
    """Return the first value of each name in a form or query, as `get` of these does."""
    return {name: str(sent[name]) for name in sent}
