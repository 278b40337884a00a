"""Right that each command needs, declared where the command is: checked before anything is read or written."""

from collections.abc import Callable
from functools import wraps

from streams.rights.check import require
from streams.rights.person import current_person
from streams.rights.table import Right
from streams.settings import load_settings

ATTRIBUTE = "right"
"""Attribute of a command's function with the right that it needs; None if it needs none."""


def needs[**P, R](right: Right | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a command that needs a right; None for one that uses nothing of the system."""

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @wraps(command)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            # A group with a function of its own, such as `replay`, is called before each of its commands too.
            is_for_another = getattr(kwargs.get("context"), "invoked_subcommand", None) is not None
            if right is not None and not is_for_another:
                require(current_person(load_settings()), right)
            return command(*args, **kwargs)

        setattr(checked, ATTRIBUTE, right)
        return checked

    return decorate
