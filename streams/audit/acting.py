"""Acts of persons around what they do: the right is checked, and the act is on record before anything changes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streams.audit.acts import write_act
from streams.rights.check import require
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings

NOT_GIVEN = "not given"
"""Reason of an act whose person gave none."""
_MAX_DETAIL = 300


@contextmanager
def acting(
    settings: Settings, person: Person, right: Right, subject: str, why: str, *, detail: str = ""
) -> Iterator[None]:
    """Check a person's right and write the act, then let it happen; a failure is a second act.

    The act comes first: what is killed half way has been traced, and an act without its effect does no harm.

    Parameters
    ----------
    subject
        Id of the case, takedown, post, ... that the act is about.
    why
        Reason; `NOT_GIVEN` if it is empty.

    Raises
    ------
    UsageError
        The person has no such right, the signing key cannot be read, or the broker does not answer; nothing happened.
    """
    require(person, right)
    why = why.strip() or NOT_GIVEN
    write_act(settings, right, subject, person.name, why, detail)
    try:
        yield
    except BaseException as error:
        with suppress(Exception):
            failed = f"failed: {' '.join(str(error).split()) or type(error).__name__}"[:_MAX_DETAIL]
            write_act(settings, right, subject, person.name, why, failed)
        raise
