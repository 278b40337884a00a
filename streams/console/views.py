"""Saved views of takedowns: filters with names, by person, on this machine only, beside the case book."""

from pathlib import Path
from urllib.parse import quote

import msgspec

from streams.errors import UsageError
from streams.secrets import whole_file
from streams.settings import Settings

MAX_VIEWS, MAX_NAME = 20, 60


class View(msgspec.Struct, frozen=True):
    """A filter with a name."""

    name: str
    filters: dict[str, str]
    """Query of the page of takedowns."""


class Views:
    """Views of every person; a file that is missing or broken is like none."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.desk_path / "views"

    def of(self, person: str) -> list[View]:
        """Return the views of a person, by name."""
        try:
            return msgspec.json.decode(self._file(person).read_bytes(), type=list[View])[:MAX_VIEWS]
        except (OSError, ValueError):  # of msgspec, and of UTF-8
            return []

    def save(self, person: str, view: View) -> None:
        """Keep a view; one of the same name is replaced.

        Raises
        ------
        UsageError
            The person has the most views already, or the folder cannot be written.
        """
        others = [one for one in self.of(person) if one.name != view.name]
        if len(others) >= MAX_VIEWS:
            raise UsageError(f"{MAX_VIEWS} views are saved already: remove one")
        self._write(person, [*others, view])

    def remove(self, person: str, name: str) -> None:
        """Remove a view, if it is there; raises as `save` does."""
        self._write(person, [one for one in self.of(person) if one.name != name])

    def _write(self, person: str, views: list[View]) -> None:
        try:
            whole_file.replace(self._file(person), msgspec.json.encode(sorted(views, key=lambda view: view.name)))
        except OSError as error:
            raise UsageError(f"{self._folder} cannot be written: {error.strerror}") from error

    def _file(self, person: str) -> Path:
        return self._folder / f"{quote(person, safe='')}.json"
