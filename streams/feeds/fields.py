"""Fields of a platform's JSON object: a field that is null or of another type costs only itself.

An absent or null field has its default. One of another type too, and a note says so.
"""

from collections.abc import Iterator
from typing import Any

from streams.feeds.entry_error import EntryError
from streams.feeds.notes import Notes

_MAX_ID = 512
"""Characters of an id: ids become keys, which are small."""


class Fields:
    """One JSON object.

    Parameters
    ----------
    value
        A value of any type.
    notes
        Of the event.
    path
        Of the object in the event, for notes.

    Raises
    ------
    EntryError
        The value is not an object.
    """

    def __init__(self, value: Any, notes: Notes, path: str = "") -> None:  # noqa: ANN401 - JSON
        if not isinstance(value, dict):
            raise EntryError(f"{path}: expected an object, got {_kind(value)}".removeprefix(": "))
        self.notes = notes
        self._value: dict[str, Any] = value
        self._path = path

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields."""
        return iter(self._value)

    def has(self, name: str) -> bool:
        """Return whether a field is there and not null."""
        return self._value.get(name) is not None

    def raw(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return a field as it is, None without one."""
        return self._value.get(name)

    def text(self, name: str) -> str:
        """Return a text, empty by default."""
        return self._checked(name, str, "a text") or ""

    def required_text(self, name: str) -> str:
        """Return a text, empty by default, which is noted too."""
        if not self.has(name):
            self.notes.add(f"{self._where(name)}: missing")
        return self.text(name)

    def id(self, name: str) -> str:
        """Return an id: a text, or a whole number as text.

        Raises
        ------
        EntryError
            It is missing, of another type or longer than 512 characters.
        """
        value = self._value.get(name)
        found = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(found, str) or not 0 < len(found) <= _MAX_ID:
            raise EntryError(f"{self._where(name)}: expected an id of at most {_MAX_ID} characters, got {_kind(value)}")
        return found

    def flag(self, name: str) -> bool | None:
        """Return a boolean, None by default."""
        return self._checked(name, bool, "true or false")

    def within(self, name: str) -> "Fields":
        """Return the object of a field, without fields by default."""
        return Fields(self._checked(name, dict, "an object") or {}, self.notes, self._where(name))

    def each(self, name: str) -> "Iterator[Fields]":
        """Yield the objects of a list; items of other types are left out and noted."""
        for item in self._checked(name, list, "a list") or []:
            if isinstance(item, dict):
                yield Fields(item, self.notes, f"{self._where(name)}[]")
            elif item is not None:
                self.notes.add(f"{self._where(name)}[]: expected an object, got {_kind(item)}")

    def objects(self) -> "Iterator[Fields]":
        """Yield all objects in the fields of this one, and in their lists."""
        for name, value in self._value.items():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    yield Fields(item, self.notes, self._where(name[:50]))

    def texts(self, name: str) -> list[str]:
        """Return the texts of a list; items of other types are left out and noted."""
        items = self._checked(name, list, "a list") or []
        if any(not isinstance(item, str | None) for item in items):
            self.notes.add(f"{self._where(name)}[]: expected texts")
        return [item for item in items if isinstance(item, str) and item]

    def _checked[T](self, name: str, kind: type[T], expected: str) -> T | None:
        value = self._value.get(name)
        if isinstance(value, kind):
            return value
        if value is not None:
            self.notes.add(f"{self._where(name)}: expected {expected}, got {_kind(value)}")
        return None

    def _where(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
