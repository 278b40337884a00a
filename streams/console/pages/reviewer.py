"""The person behind a request, as the pages of reviews use one."""

from typing import Any, NamedTuple

from litestar import Request

from streams.console.site import Site


class Reviewer(NamedTuple):
    """Person who reviews."""

    account: str
    """Holds the leases of jobs."""
    signature: str
    """Pseudonym that signs the decisions."""
    owner: str | None
    """Account whose cases alone the person may see, None for all."""


def reviewer_of(site: Site, request: Request[Any, Any, Any]) -> Reviewer:
    """Return the person of a request."""
    person, signature = site.identity(request)
    return Reviewer(person.name, signature, site.owner(request, "review"))
